"""MinerU2.5 (opendatalab): the layout of a page first, then each part of it.

Checked against opendatalab/mineru-vl-utils abb57de (2026-08-13), `mineru_client.py`: system prompt,
prompts with the line break before them, sampling of each step, 1036 x 1036 for the layout, the
layout's notation with coordinates 0 to 1000 and turns; `structs.py`: the labels; tables are OTSL.
The answers to `Image Analysis` are not used.
"""

import re
from dataclasses import replace

from ...domain import BlockKind
from .answer import answer_of
from .base import Family, Parsed, ParsedBlock, Prompt, Sampling, Scaling, Sent, Task
from .element import read_formula_element, table_block
from .reading import Reading, box_of

__all__ = ["MINERU"]

_BLOCK = re.compile(
    r"<\|box_start\|>\s{0,3}(-?\d{1,6})\s{1,3}(-?\d{1,6})\s{1,3}(-?\d{1,6})\s{1,3}(-?\d{1,6})\s{0,3}"
    r"<\|box_end\|><\|ref_start\|>\s{0,3}(\w{1,40})\s{0,3}<\|ref_end\|>"
    r"(?:<\|rotate_(up|right|down|left)\|>)?"
)
_TURNS = {"up": 0, "right": 270, "down": 180, "left": 90}
"""`right`: the part was turned to the right, so that it is to be turned three quarters more."""
_KINDS: dict[str, BlockKind] = {
    "text": "text",
    "title": "heading",
    "doc_title": "title",
    "paragraph_title": "heading",
    "table": "table",
    "equation": "formula",
    "equation_block": "formula",
    "formula_number": "text",
    "code": "code",
    "algorithm": "code",
    "aside_text": "text",
    "ref_text": "text",
    "index": "text",
    "phonetic": "text",
    "list": "list",
    "list_item": "list",
    "table_caption": "caption",
    "image_caption": "caption",
    "code_caption": "caption",
    "caption": "caption",
    "table_footnote": "footnote",
    "image_footnote": "footnote",
    "footnote": "footnote",
    "page_footnote": "footnote",
    "header": "header",
    "footer": "footer",
    "page_number": "page_number",
    "image": "figure",
    "image_block": "figure",
    "chart": "figure",
    "unknown": "figure",
}
_PART = Sampling(0.0, 0.01, 1, 1.0, presence_penalty=1.0, frequency_penalty=0.05)
_TASKS: dict[Task, Prompt] = {
    "page": Prompt(
        "\nLayout Detection:",
        scaling=Scaling(fixed=(1036, 1036)),
        sampling=Sampling(0.0, 0.01, 1, 1.0),
    ),
    "text": Prompt("\nText Recognition:"),
    "table": Prompt("\nTable Recognition:", sampling=replace(_PART, frequency_penalty=0.005)),
    "formula": Prompt("\nFormula Recognition:"),
}


def parse(answer: str, task: Task, sent: Sent) -> Parsed:
    """Read a layout, or what one part of it says."""
    del sent
    found = answer_of(answer, _TASKS.get(task, _TASKS["text"]).text)
    text = found.text.strip()
    if "<|box_start|>" in text or (task == "page" and text):
        reading = _read_layout(text)
        reading.flag(*found.flags)
        return replace(reading.done(), has_layout_only=bool(reading.blocks))
    reading = Reading()
    if task == "table" and text:
        block, flags = table_block(text)
        reading.add(block)
        reading.flag(*flags)
    elif task == "formula":
        reading = read_formula_element(text)
    else:
        reading.add(ParsedBlock("text", text))
    reading.flag(*found.flags)
    return reading.done()


def _read_layout(text: str) -> Reading:
    reading = Reading()
    end = 0
    for found in _BLOCK.finditer(text):
        if text[end : found.start()].strip().removeprefix("<|txt_contd_tgt|>"):
            reading.flag("malformed")
        end = found.end()
        label = found.group(5).lower()
        if label == "inline_formula":
            continue
        box, is_sound = box_of([float(found.group(n)) for n in range(1, 5)], 1000, 1000)
        kind = _KINDS.get(label)
        if kind is None or not is_sound:
            reading.flag("malformed")
        if box is not None:
            turn = _TURNS.get(found.group(6) or "up", 0)
            reading.add(ParsedBlock(kind or "text", level=_level(kind), box=box, turn_deg=turn))
    if text[end:].strip().removeprefix("<|txt_contd_tgt|>"):
        reading.flag("truncated" if end else "malformed")
    return reading


def _level(kind: BlockKind | None) -> int:
    return {"heading": 2, "list": 1}.get(kind or "", 0)


MINERU = Family(
    name="mineru",
    title="MinerU2.5",
    models=(r"mineru",),
    tasks=_TASKS,
    parse=parse,
    system="You are a helpful assistant.",
    scaling=Scaling(min_pixels=784, max_pixels=1_605_632, multiple=28),
    sampling=_PART,
    temperatures=(0.0, 0.2, 0.5),
    max_tokens=8192,
    extra={"skip_special_tokens": False, "vllm_xargs": {"no_repeat_ngram_size": 100}},
    languages=("zh", "en"),
)
