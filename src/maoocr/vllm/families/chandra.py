"""chandra (Datalab): a page in HTML, a `div` with a box and a label for each block.

Checked against datalab-to/chandra a6928a2 (2026-01-13): `prompts.py` (word for word, a scale of
1024), `settings.py`, `model/vllm.py` (picture first, top_p 0.1, 12384 tokens; temperature 0.3 for
another try), `model/util.py` (at most 3072 x 2048 pixels), `output.py` (two notations of boxes).
"""

from .answer import answer_of
from .base import Family, Parsed, Prompt, Sampling, Scaling, Sent, Task
from .layout_html import read_layout_html
from .markdown import read_markdown

__all__ = ["CHANDRA"]

_SCALE = 1024
_LAYOUT = """\
OCR this image to HTML, arranged as layout blocks.  Each layout block should be a div with the \
data-bbox attribute representing the bounding box of the block in [x0, y0, x1, y1] format.  Bboxes \
are normalized 0-1024. The data-label attribute is the label for the block.

Use the following labels:
- Caption
- Footnote
- Equation-Block
- List-Group
- Page-Header
- Page-Footer
- Image
- Section-Header
- Table
- Text
- Complex-Block
- Code-Block
- Form
- Table-Of-Contents
- Figure

"""
_ENDING = """\
Only use these tags ['math', 'br', 'i', 'b', 'u', 'del', 'sup', 'sub', 'table', 'tr', 'td', 'p', \
'th', 'div', 'pre', 'h1', 'h2', 'h3', 'h4', 'h5', 'ul', 'ol', 'li', 'input', 'a', 'span', 'img', \
'hr', 'tbody', 'small', 'caption', 'strong', 'thead', 'big', 'code'], and these attributes \
['class', 'colspan', 'rowspan', 'display', 'checked', 'type', 'border', 'value', 'style', 'href', \
'alt', 'align'].

Guidelines:
* Inline math: Surround math with <math>...</math> tags. Math expressions should be rendered in \
KaTeX-compatible LaTeX. Use display for block math.
* Tables: Use colspan and rowspan attributes to match table structure.
* Formatting: Maintain consistent formatting with the image, including spacing, indentation, \
subscripts/superscripts, and special characters.
* Images: Include a description of any images in the alt attribute of an <img> tag. Do not fill \
out the src property.
* Forms: Mark checkboxes and radio buttons properly.
* Text: join lines together properly into paragraphs using <p>...</p> tags.  Use <br> tags for \
line breaks within paragraphs, but only when absolutely necessary to maintain meaning.
* Use the simplest possible HTML structure that accurately represents the content of the block.
* Make sure the text is accurate and easy for a human to read and interpret.  Reading order should \
be correct and natural."""
_TASKS: dict[Task, Prompt] = {
    "page": Prompt(_LAYOUT + _ENDING),
    "text": Prompt("OCR this image to HTML.\n\n" + _ENDING),
}


def parse(answer: str, task: Task, sent: Sent) -> Parsed:
    """Read HTML with boxes, or without them."""
    del sent
    found = answer_of(answer, _TASKS.get(task, _TASKS["page"]).text)
    if "<" in found.text:
        reading = read_layout_html(found.text, _SCALE, _SCALE)
    else:
        reading = read_markdown(found.text)
        if task == "page" and found.text.strip():
            reading.flag("malformed")
    reading.flag(*found.flags)
    return reading.done()


CHANDRA = Family(
    name="chandra",
    title="chandra",
    models=(r"chandra",),
    tasks=_TASKS,
    parse=parse,
    scaling=Scaling(min_pixels=784, max_pixels=6_291_456),
    sampling=Sampling(temperature=0.0, top_p=0.1),
    temperatures=(0.0, 0.3, 0.6),
    max_tokens=12384,
)
