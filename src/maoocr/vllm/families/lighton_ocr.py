"""LightOnOCR 1, 2 and 3 (LightOn): a page in Markdown; from 3 on with a box for each block.

Checked against lightonai/LightOnOCR 36755d4, README.md: no words beside the picture, or the word
`grounding` (version 3 alone); `![label](x1,y1,x2,y2)` before each block, 0 to 1000, `text+` for one
that continues the last; sides of 1540 pixels, 2048 for 3-0.8B and 3-4B; temperature 0.1 (3) or 0.2
with top_p 0.9 (1 and 2, their model cards); no thinking; dollars that come back escaped.
"""

import re

from ...domain import BlockKind
from .answer import answer_of
from .base import Family, Parsed, Prompt, Sampling, Scaling, Sent, Task
from .grounding import KINDS, picture_marks, read_marked
from .markdown import read_markdown

__all__ = ["LIGHTON_OCR", "LIGHTON_OCR_3"]

_DOLLARS = re.compile(r"\\\$([^$\n\\]{1,300}[^$\n\\\s\d.,])\\\$")
_CUT = re.compile(r"!(?:\[[a-z_+]{0,30}(?:\](?:\([\d,\s]{0,40})?)?)?$")

_PLAIN: dict[Task, Prompt] = {"page": Prompt("")}
_GROUNDED: dict[Task, Prompt] = {"page": Prompt("grounding"), "text": Prompt("")}


def parse(answer: str, task: Task, sent: Sent) -> Parsed:
    """Read Markdown, with boxes or without."""
    del task, sent
    found = answer_of(answer)
    text = _DOLLARS.sub(r"$\1$", found.text)
    before, marked = picture_marks(text)
    if marked:
        cut = _CUT.search(text[-80:])
        if cut:
            before, marked = picture_marks(text.removesuffix(cut.group()))
        reading = read_marked(before, marked, 1000, _kind)
        if cut:
            reading.flag("truncated")
    else:
        reading = read_markdown(text)
    reading.flag(*found.flags)
    return reading.done()


def _kind(label: str) -> BlockKind | None:
    return KINDS.get(label.removesuffix("+"))


LIGHTON_OCR = Family(
    name="lighton-ocr",
    title="LightOnOCR",
    models=(r"lighton[-_ ]?ocr",),
    tasks=_PLAIN,
    parse=parse,
    scaling=Scaling(longest_side=1540, max_pixels=2_400_000),
    sampling=Sampling(temperature=0.2, top_p=0.9),
    temperatures=(0.2, 0.3, 0.6),
    max_tokens=6500,
    languages=("en", "fr", "de", "es", "it", "nl", "pt", "sv", "da", "zh", "ja"),
)
LIGHTON_OCR_3 = Family(
    name="lighton-ocr-3",
    title="LightOnOCR-3",
    models=(r"lighton[-_ ]?ocr[-_ ]?3",),
    tasks=_GROUNDED,
    parse=parse,
    scaling=Scaling(longest_side=1540, max_pixels=2_400_000),
    sampling=Sampling(temperature=0.1, top_p=0.9),
    temperatures=(0.1, 0.3, 0.6),
    max_tokens=8192,
    extra={"chat_template_kwargs": {"enable_thinking": False}},
    languages=LIGHTON_OCR.languages,
)
