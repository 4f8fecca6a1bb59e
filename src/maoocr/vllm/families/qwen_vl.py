"""Qwen2.5-VL and Qwen3-VL (Alibaba): general models that know a format of HTML with boxes.

Checked against the Qwen2.5-VL Technical Report (arXiv:2502.13923, section 2.2: the format, boxes in
pixels of the picture as it is scaled, multiples of 28) and public copies of QwenLM/Qwen3-VL's
cookbooks (`document_parsing.ipynb`: `qwenvl html`, `qwenvl markdown` with `<!-- Table (x1, y1, x2,
y2) -->` before tables in LaTeX, 0 to 1000, multiples of 32, 512 to 2048 patches of 32 x 32). The
notebooks themselves could not be had. Pixels here are more than the cookbooks': their 2048 patches
are few for a dense page.
"""

import re

from .answer import answer_of
from .base import Family, Parsed, Prompt, Sampling, Scaling, Sent, Task
from .element import has_html_table, read_formula_element, table_block
from .grounding import Mark, marks, read_marked
from .layout_html import read_layout_html
from .markdown import read_markdown
from .reading import Reading

__all__ = ["QWEN2_5_VL", "QWEN3_VL"]

_ONLY = " Output only that, exactly as it stands in the image."
_TASKS: dict[Task, Prompt] = {
    "page": Prompt("QwenVL HTML"),
    "text": Prompt("Read all the text in the image, line by line." + _ONLY),
    "table": Prompt("Convert the table in the image to HTML." + _ONLY),
    "formula": Prompt("Convert the formula in the image to LaTeX." + _ONLY),
}
_TASKS_3: dict[Task, Prompt] = {**_TASKS, "page": Prompt("qwenvl html")}
_COMMENT = re.compile(
    r"<!--\s{0,3}(?P<label>Image|Table|Chart)\s{0,3}\((?P<box>[\d,.\s-]{7,60})\)\s{0,3}-->"
)


def parse_pixels(answer: str, task: Task, sent: Sent) -> Parsed:
    """Read an answer whose boxes are in pixels of the picture that was sent."""
    return _parse(answer, task, sent.width, sent.height)


def parse_thousandths(answer: str, task: Task, sent: Sent) -> Parsed:
    """Read an answer whose boxes are from 0 to 1000."""
    del sent
    return _parse(answer, task, 1000, 1000)


def _parse(answer: str, task: Task, width: float, height: float) -> Parsed:
    found = answer_of(answer, _TASKS.get(task, _TASKS["page"]).text)
    text = found.text
    if task == "table" and text.strip():
        reading = Reading()
        block, flags = table_block(text)
        reading.add(block)
        reading.flag(*flags)
    elif task == "formula":
        reading = read_formula_element(text)
    elif task == "page" and ("data-bbox" in text or text.lstrip().startswith(("<html", "<body"))):
        reading = read_layout_html(_body(text), width, height)
    elif _COMMENT.search(text):
        reading = _read_commented(text, width, height)
    else:
        reading = read_markdown(text)
    reading.flag(*found.flags)
    return reading.done()


def _body(text: str) -> str:
    start = text.find("<body")
    return text[start:] if 0 <= start < 20_000 else text


def _read_commented(text: str, width: float, height: float) -> Reading:
    """Markdown in which comments say where the next table or a picture stands."""
    before, found = marks(text, _COMMENT, 4)
    reading = read_markdown(before)
    for mark in found:
        scaled = tuple(
            tuple(n / side for n, side in zip(box, (width, height) * 2, strict=False))
            for box in mark.boxes
        )
        words, rest = _first(mark)
        reading.extend(read_marked("", [Mark(mark.label, scaled, words)], 1))
        reading.extend(read_markdown(rest))
    return reading


def _first(mark: Mark) -> tuple[str, str]:
    """What belongs to the mark, a picture nothing, a table the table; and what follows."""
    if mark.label == "Image":
        return "", mark.words
    ends = [
        mark.words.find(end) + len(end)
        for end in ("\\end{tabular}", "\\end{table}", "</table>")
        if end in mark.words
    ]
    if ends:
        return mark.words[: max(ends)], mark.words[max(ends) :]
    head, _, tail = mark.words.partition("\n\n")
    return (mark.words, "") if has_html_table(head) else (head, tail)


QWEN2_5_VL = Family(
    name="qwen2.5-vl",
    title="Qwen2.5-VL",
    models=(r"qwen[-_ ]?2(?:\.5|[-_]5)?[-_ ]?vl",),
    tasks=_TASKS,
    parse=parse_pixels,
    scaling=Scaling(min_pixels=200_704, max_pixels=3_211_264, multiple=28),
    sampling=Sampling(temperature=0.0, repetition_penalty=1.05),
    temperatures=(0.0, 0.3, 0.7),
    max_tokens=8192,
)
QWEN3_VL = Family(
    name="qwen3-vl",
    title="Qwen3-VL",
    models=(r"qwen[-_ ]?3(?:\.\d)?[-_ ]?vl", r"qwen[-_ ]?vl"),
    tasks=_TASKS_3,
    parse=parse_thousandths,
    scaling=Scaling(min_pixels=262_144, max_pixels=4_194_304, multiple=32),
    sampling=Sampling(temperature=0.0),
    temperatures=(0.0, 0.3, 0.7),
    max_tokens=8192,
)
