"""GLM-OCR 0.9B (Z.ai): elements that were cut out, one task each.

Checked against zai-org/GLM-OCR cef4d0e (2026-04-21): `glmocr/config.yaml` (prompts, sampling, 8192
tokens, from 12544 pixels), `examples/finetune/README.md` (picture before the words). A text comes
as Markdown, a table as HTML, a formula between `$$`. Its upper limit of pixels is far above what a
cut of a page has.
"""

from .answer import answer_of
from .base import Family, Parsed, Prompt, Sampling, Scaling, Sent, Task
from .element import read_formula_element, table_block
from .markdown import read_markdown
from .reading import Reading

__all__ = ["GLM_OCR"]

_TASKS: dict[Task, Prompt] = {
    "text": Prompt("Text Recognition:"),
    "table": Prompt("Table Recognition:"),
    "formula": Prompt("Formula Recognition:"),
}


def parse(answer: str, task: Task, sent: Sent) -> Parsed:
    """Read the answer to one of the tasks."""
    del sent
    found = answer_of(answer, _TASKS.get(task, _TASKS["text"]).text)
    reading = Reading()
    if task == "table" and found.text.strip():
        block, flags = table_block(found.text)
        reading.add(block)
        reading.flag(*flags)
    elif task == "formula":
        reading = read_formula_element(found.text)
    else:
        reading = read_markdown(found.text)
    reading.flag(*found.flags)
    return reading.done()


GLM_OCR = Family(
    name="glm-ocr",
    title="GLM-OCR",
    models=(r"glm[-_ ]?ocr",),
    tasks=_TASKS,
    parse=parse,
    scaling=Scaling(min_pixels=12_544, max_pixels=4_000_000, multiple=28),
    sampling=Sampling(temperature=0.0, top_p=0.00001, top_k=1, repetition_penalty=1.1),
    temperatures=(0.0, 0.2, 0.5),
    max_tokens=8192,
    reads_pages=False,
    languages=("zh", "en", "fr", "es", "ru", "de", "ja", "ko"),
)
