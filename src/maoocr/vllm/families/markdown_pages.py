"""Families that answer in plain Markdown: Nanonets-OCR, MonkeyOCR, and any other model.

Nanonets-OCR-s and OCR2: the prompt of their model cards, as public code sends it (temperature 0,
15000 tokens). MonkeyOCR: elements alone, prompts of Yuliang-Liu/MonkeyOCR 43fe677 (2025-06-15),
`parse.py` and `magic_pdf/model/batch_analyze_llm.py`. The generic prompt is ours: it asks for no
boxes, since models that were not trained for a notation make them up.
"""

from .answer import answer_of
from .base import Family, Parsed, Prompt, Sampling, Scaling, Sent, Task
from .element import has_html_table, read_formula_element, table_block
from .latex_table import is_latex_table
from .markdown import read_markdown
from .reading import Reading

__all__ = ["GENERIC", "MONKEY_OCR", "NANONETS_OCR"]

_NANONETS = (
    "Extract the text from the above document as if you were reading it naturally. Return the"
    " tables in html format. Return the equations in LaTeX representation. If there is an image in"
    " the document and image caption is not present, add a small description of the image inside"
    " the <img></img> tag; otherwise, add the image caption inside <img></img>. Watermarks should"
    " be wrapped in brackets. Ex: <watermark>OFFICIAL COPY</watermark>. Page numbers should be"
    " wrapped in brackets. Ex: <page_number>14</page_number> or <page_number>9/22</page_number>."
    " Prefer using ☐ and ☑ for check boxes."
)
_TRUTH = (
    " Write exactly what stands there, in its own language: no translation, no correction, no"
    " summary, nothing that cannot be read. Answer with the transcription alone."
)
_GENERIC: dict[Task, Prompt] = {
    "page": Prompt(
        "Transcribe this page as Markdown, in reading order. Headings with #, lists with - or"
        " their numbers, tables as HTML (<table>, with rowspan and colspan where cells are joined),"
        " formulas as LaTeX between $$. Leave out pictures." + _TRUTH
    ),
    "text": Prompt("Transcribe the text of this image, one line of text a line." + _TRUTH),
    "table": Prompt(
        "Transcribe the table in this image as one HTML <table> with rowspan and colspan where"
        " cells are joined." + _TRUTH
    ),
    "formula": Prompt("Transcribe the formula in this image as LaTeX between $$." + _TRUTH),
}
_MONKEY: dict[Task, Prompt] = {
    "text": Prompt("Please output the text content from the image."),
    "table": Prompt("This is the image of a table. Please output the table in html format."),
    "formula": Prompt(
        "Please write out the expression of the formula in the image using LaTeX format."
    ),
}
_PROMPTS = {
    prompt.text
    for tasks in (_GENERIC, _MONKEY, {"page": Prompt(_NANONETS)})
    for prompt in tasks.values()
}


def parse(answer: str, task: Task, sent: Sent) -> Parsed:
    """Read a page in Markdown, or one element."""
    del sent
    said_back = next((p for p in _PROMPTS if answer.lstrip().startswith(p)), "")
    found = answer_of(answer, said_back)
    text = found.text
    if task == "table" and text.strip():
        reading = _read_table(text)
    elif task == "formula":
        reading = read_formula_element(text)
    else:
        reading = read_markdown(text)
    reading.flag(*found.flags)
    return reading.done()


def _read_table(text: str) -> Reading:
    """A table, with or without words around it."""
    if has_html_table(text) or is_latex_table(text):
        reading = read_markdown(text)
        if any(block.html for block in reading.blocks):
            return reading
    reading = Reading()
    block, flags = table_block(text)
    reading.add(block)
    reading.flag(*flags)
    return reading


NANONETS_OCR = Family(
    name="nanonets-ocr",
    title="Nanonets-OCR",
    models=(r"nanonets[-_ ]?ocr",),
    tasks={"page": Prompt(_NANONETS)},
    parse=parse,
    scaling=Scaling(min_pixels=50_176, max_pixels=4_000_000, multiple=28),
    temperatures=(0.0, 0.2, 0.5),
    max_tokens=15000,
)
MONKEY_OCR = Family(
    name="monkey-ocr",
    title="MonkeyOCR",
    models=(r"monkey[-_ ]?ocr",),
    tasks=_MONKEY,
    parse=parse,
    scaling=Scaling(min_pixels=784, max_pixels=1_605_632, multiple=28),
    temperatures=(0.0, 0.2, 0.5),
    max_tokens=4096,
    reads_pages=False,
    languages=("zh", "en"),
)
GENERIC = Family(
    name="generic",
    title="any vision-language model",
    models=(),
    tasks=_GENERIC,
    parse=parse,
    scaling=Scaling(longest_side=2048, max_pixels=2_400_000),
    sampling=Sampling(temperature=0.0),
    temperatures=(0.0, 0.3, 0.7),
    max_tokens=6144,
)
