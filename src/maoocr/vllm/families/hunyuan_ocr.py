"""HunyuanOCR 1B (Tencent): one model for pages, tables, formulas and spotting.

Checked against Tencent-Hunyuan/HunyuanOCR b138959 (2025-11-28): README (prompts, in Chinese, with
which it is said to be better), `Hunyuan-OCR-vllm/run_hy_ocr.py` (empty system message, picture
first, top_k 1); the notation of spotting, `text(x1,y1),(x2,y2)` from 0 to 1000, against what others
parse of it. Its licence excludes the EU, the UK and South Korea.
"""

import re

from .answer import answer_of
from .base import Family, Parsed, ParsedBlock, Prompt, Sampling, Scaling, Sent, Task
from .element import read_formula_element, table_block
from .markdown import read_markdown
from .reading import Reading, box_of

__all__ = ["HUNYUAN_OCR"]

_TASKS: dict[Task, Prompt] = {
    "page": Prompt(
        "提取文档图片中正文的所有信息用 markdown 格式表示，其中页眉、页脚部分忽略，"  # noqa: RUF001
        "表格用 html 格式表达，文档中公式用 latex 格式表示，按照阅读顺序组织进行解析。"  # noqa: RUF001
    ),
    "text": Prompt("提取图中的文字。"),
    "table": Prompt("把图中的表格解析为 HTML。"),
    "formula": Prompt("识别图片中的公式，用 LaTeX 格式表示。"),  # noqa: RUF001
    "spotting": Prompt("检测并识别图片中的文字，将文本坐标格式化输出。"),  # noqa: RUF001
}
_PLACE = re.compile(
    r"\(\s?(-?\d{1,5})\s?,\s?(-?\d{1,5})\s?\)\s?,\s?\(\s?(-?\d{1,5})\s?,\s?(-?\d{1,5})\s?\)"
)
_CUT = re.compile(r"\([\d,\s()-]{0,40}$")


def parse(answer: str, task: Task, sent: Sent) -> Parsed:
    """Read Markdown, an element, or lines with their places."""
    del sent
    found = answer_of(answer, _TASKS.get(task, _TASKS["page"]).text)
    text = found.text
    if task == "spotting" and text.strip():
        reading = _read_lines(text)
    elif task == "table" and text.strip():
        reading = Reading()
        block, flags = table_block(text)
        reading.add(block)
        reading.flag(*flags)
    elif task == "formula":
        reading = read_formula_element(text)
    else:
        reading = read_markdown(text)
    reading.flag(*found.flags)
    return reading.done()


def _read_lines(text: str) -> Reading:
    reading = Reading()
    begin = 0
    for place in _PLACE.finditer(text):
        words = text[begin : place.start()].strip()
        begin = place.end()
        box, is_sound = box_of([float(number) for number in place.groups()], 1000, 1000)
        if not is_sound or not words:
            reading.flag("malformed")
        if words:
            reading.add(ParsedBlock("text", words, box=box))
    rest = text[begin:].strip()
    if rest:
        reading.flag("truncated" if begin else "malformed")
        reading.add(ParsedBlock("text", _CUT.sub("", rest).strip()))
    return reading


HUNYUAN_OCR = Family(
    name="hunyuan-ocr",
    title="HunyuanOCR",
    models=(r"hunyuan[-_ ]?ocr", r"hy[-_]ocr"),
    tasks=_TASKS,
    parse=parse,
    system="",
    scaling=Scaling(min_pixels=262_144, max_pixels=4_194_304, multiple=32),
    sampling=Sampling(temperature=0.0, top_p=0.95, top_k=1, repetition_penalty=1.0),
    temperatures=(0.0, 0.2, 0.5),
    max_tokens=8192,
)
