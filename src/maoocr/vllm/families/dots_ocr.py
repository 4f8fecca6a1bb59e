"""dots.ocr and dots.mocr (rednote-hilab): a whole page as one list in JSON.

Checked against rednote-hilab/dots.ocr 36d7248 (2026-03-24): `dots_ocr/utils/prompts.py` (prompts to
the letter), `utils/consts.py` (3136 to 11289600 pixels, multiples of 28), `model/inference.py` (the
tokens before the prompt; temperature, top_p), `utils/layout_utils.py` (boxes are in pixels of the
picture as the server scales it, which is the one that was sent when its sides are multiples of 28).
"""

from .answer import answer_of
from .base import Family, Parsed, Prompt, Sampling, Scaling, Sent, Task
from .markdown import read_markdown
from .page_json import read_layout_json

__all__ = ["DOTS_OCR"]

_PREFIX = "<|img|><|imgpad|><|endofimg|>"

_LAYOUT = """\
Please output the layout information from the PDF image, including each layout element's bbox, its \
category, and the corresponding text content within the bbox.

1. Bbox format: [x1, y1, x2, y2]

2. Layout Categories: The possible categories are ['Caption', 'Footnote', 'Formula', 'List-item', \
'Page-footer', 'Page-header', 'Picture', 'Section-header', 'Table', 'Text', 'Title'].

3. Text Extraction & Formatting Rules:
    - Picture: For the 'Picture' category, the text field should be omitted.
    - Formula: Format its text as LaTeX.
    - Table: Format its text as HTML.
    - All Others (Text, Title, etc.): Format their text as Markdown.

4. Constraints:
    - The output text must be the original text from the image, with no translation.
    - All layout elements must be sorted according to human reading order.

5. Final Output: The entire output must be a single JSON object.
"""
_TASKS: dict[Task, Prompt] = {
    "page": Prompt(_PREFIX + _LAYOUT),
    "text": Prompt(_PREFIX + "Extract the text content from this image.", max_tokens=4096),
}


def parse(answer: str, task: Task, sent: Sent) -> Parsed:
    """Read a layout in JSON, or the text of an element in Markdown."""
    prompt = _TASKS.get(task, _TASKS["page"]).text.removeprefix(_PREFIX)
    found = answer_of(answer.replace(_PREFIX, ""), prompt)
    if task == "text" or not found.text:
        reading = read_markdown(found.text)
    elif "{" not in found.text and found.text.lstrip()[:1] not in {"[", ""}:
        reading = read_markdown(found.text)
        reading.flag("malformed")
    else:
        reading = read_layout_json(found.text, sent.width, sent.height)
    reading.flag(*found.flags)
    return reading.done()


DOTS_OCR = Family(
    name="dots-ocr",
    title="dots.ocr",
    models=(r"dots[._-]?m?ocr",),
    tasks=_TASKS,
    parse=parse,
    scaling=Scaling(min_pixels=3136, max_pixels=4_600_000, multiple=28),
    sampling=Sampling(temperature=0.1, top_p=0.9),
    temperatures=(0.1, 0.3, 0.6),
    max_tokens=16384,
)
