"""PaddleOCR-VL 0.9B, 1.5 and 1.6 (PaddlePaddle): elements that were cut out, one task each.

Checked against PaddleX 3.7.2 (`inference/pipelines/paddleocr_vl/pipeline.py`: prompts, 112896 to
1003520 pixels, 1605632 for spotting, special tokens kept for spotting alone;
`uilts.py::post_process_for_spotting`: both notations of lines with four points, 0 to 1000) and the
vLLM recipe of the model (picture first, temperature 0). Spotting came with 1.5 (model card).
"""

import re
from collections.abc import Iterator

from .answer import answer_of
from .base import Family, Parsed, ParsedBlock, Prompt, Scaling, Sent, Task
from .element import read_formula_element, table_block
from .reading import Reading, polygon_of

__all__ = ["PADDLEOCR_VL"]

_TEXT = re.compile(r"<\|TEXT_START\|>|<\|TEXT_END\|>|<\|LOC_(?:BEGIN|END|SEP)\|>")
_POINTS = re.compile(r"(?:<\|LOC_\d{1,5}\|>\s{0,3}){1,40}")
_NUMBER = re.compile(r"<\|LOC_(\d{1,5})\|>")
_CUT = re.compile(r"<\|?[A-Z_]{0,12}\d{0,4}\|?$")

_TASKS: dict[Task, Prompt] = {
    "text": Prompt("OCR:"),
    "table": Prompt("Table Recognition:", max_tokens=8192),
    "formula": Prompt("Formula Recognition:"),
    "spotting": Prompt(
        "Spotting:",
        scaling=Scaling(min_pixels=112_896, max_pixels=1_605_632, multiple=28),
        max_tokens=8192,
        extra={"skip_special_tokens": False},
        models=r"vl[-_ ]?(?:1\.[5-9]|[2-9])",
    ),
}


def parse(answer: str, task: Task, sent: Sent) -> Parsed:
    """Read the answer to one of the tasks."""
    del sent
    found = answer_of(answer, _TASKS.get(task, _TASKS["text"]).text)
    text = found.text.strip()
    reading = Reading()
    if "<|LOC_" in text or (task == "spotting" and text):
        reading = _read_lines(text)
    elif task == "table" and text:
        block, flags = table_block(text)
        reading.add(block)
        reading.flag(*flags)
    elif task == "formula":
        reading = read_formula_element(text)
    else:
        reading.add(ParsedBlock("text", text))
    reading.flag(*found.flags)
    return reading.done()


def _read_lines(text: str) -> Reading:
    reading = Reading()
    for words, numbers in _lines(reading, text):
        if len(numbers) % 8:
            reading.flag("malformed")
        box, is_sound = polygon_of(numbers[:8], 1000, 1000)
        if not is_sound or not words:
            reading.flag("malformed")
        if words:
            reading.add(ParsedBlock("text", words, box=box))
    return reading


def _lines(reading: Reading, text: str) -> Iterator[tuple[str, list[float]]]:
    """Words with the numbers that follow them; both notations, told apart by nothing."""
    begin = 0
    text = _TEXT.sub("\n", text)
    for points in _POINTS.finditer(text):
        words = text[begin : points.start()].strip()
        begin = points.end()
        yield words, [float(number) for number in _NUMBER.findall(points.group())]
    rest = text[begin:]
    if cut := _CUT.search(rest):
        rest = rest[: cut.start()]
        reading.flag("truncated")
    if rest.strip():
        reading.flag("malformed" if begin == 0 else "truncated")
        reading.add(ParsedBlock("text", rest.strip()))


PADDLEOCR_VL = Family(
    name="paddleocr-vl",
    title="PaddleOCR-VL",
    models=(r"paddleocr[-_ ]?vl",),
    tasks=_TASKS,
    parse=parse,
    scaling=Scaling(min_pixels=112_896, max_pixels=1_003_520, multiple=28),
    temperatures=(0.0, 0.2, 0.5),
    max_tokens=4096,
    reads_pages=False,
)
