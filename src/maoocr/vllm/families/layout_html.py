"""HTML whose elements say where they stand (`data-bbox`), as Qwen-VL and chandra answer.

The format of Qwen: Qwen2.5-VL Technical Report (arXiv:2502.13923), section 2.2; of chandra: its
prompt in datalab-to/chandra a6928a2 (chandra/prompts.py). An element's words run on to the next
element with a box; a table is one element with all that is in it.
"""

import re
from dataclasses import dataclass

from ...domain import BlockKind, Polygon
from .base import ParsedBlock
from .element import formula_block, has_html_table, table_block
from .markup import Tag, attribute, inner_text, pieces
from .reading import Reading, box_of

__all__ = ["read_layout_html"]

_NUMBER = re.compile(r"-?\d{1,6}(?:\.\d{1,6})?")
_LABELS: dict[str, BlockKind] = {
    "caption": "caption",
    "footnote": "footnote",
    "equation-block": "formula",
    "formula": "formula",
    "list-group": "list",
    "list-item": "list",
    "list_item": "list",
    "page-header": "header",
    "header": "header",
    "page-footer": "footer",
    "footer": "footer",
    "page-number": "page_number",
    "image": "figure",
    "figure": "figure",
    "image caption": "figure",
    "image ocr": "text",
    "picture": "figure",
    "diagram": "figure",
    "chart": "chart",
    "section-header": "heading",
    "title": "title",
    "table": "table",
    "text": "text",
    "complex-block": "text",
    "code-block": "code",
    "code": "code",
    "form": "table",
    "table-of-contents": "text",
    "bibliography": "text",
    "blank-page": "text",
    "handwriting": "text",
    "music sheet": "figure",
    "chemical formula": "figure",
    "chemical-block": "figure",
    "seal": "seal",
}
_TAGS: dict[str, BlockKind] = {
    "li": "list",
    "ul": "list",
    "ol": "list",
    "table": "table",
    "img": "figure",
    "figure": "figure",
    "figcaption": "caption",
    "caption": "caption",
    "pre": "code",
    "code": "code",
    "header": "header",
    "footer": "footer",
    "h1": "heading",
    "h2": "heading",
    "h3": "heading",
    "h4": "heading",
    "h5": "heading",
    "h6": "heading",
}
_HEADING = re.compile(r"<h([1-6])[\s>]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Part:
    tag: Tag
    source: str


def read_layout_html(text: str, width: float, height: float) -> Reading:
    """The blocks of a page.

    Args:
        text: the answer.
        width: of the frame that boxes refer to: the picture's, or 1000 or so.
        height: of that frame.
    """
    reading = Reading()
    before, parts = _parts(text)
    if words := inner_text(before):
        reading.add(ParsedBlock("text", words))
    for part in parts:
        box = _box(reading, part, width, height)
        kind, is_known = _kind(part)
        if not is_known:
            reading.flag("malformed")
        _add(reading, kind, part, box)
    if _CUT.search(text[-200:]) or _is_open(text):
        reading.flag("truncated")
    return reading


_CUT = re.compile(r"</?[a-zA-Z][^<>]*$|<$")


def _is_open(text: str) -> bool:
    """Whether the outermost element that is written in pairs has no end."""
    last = text.rstrip().rstrip("`").rstrip()
    return bool(last) and "<" in last and not last.endswith(">")


def _parts(text: str) -> tuple[str, list[_Part]]:
    """What stands before the first element with a box, and these elements."""
    starts: list[Tag] = []
    table_depth = 0
    for piece in pieces(text):
        if not isinstance(piece, Tag):
            continue
        if piece.name == "table":
            if table_depth == 0 and not piece.is_end and "data-bbox" in piece.source:
                starts.append(piece)
            table_depth = max(0, table_depth + (-1 if piece.is_end else 1))
        elif piece.is_end or table_depth:
            continue
        elif "data-bbox" in piece.source or "data-label" in piece.source:
            if piece.name == "img" and starts and _is_picture(starts[-1]):
                continue
            starts.append(piece)
    if not starts:
        return text, []
    ends = [tag.start for tag in starts[1:]] + [len(text)]
    return text[: starts[0].start], [
        _Part(tag, text[tag.start : end]) for tag, end in zip(starts, ends, strict=True)
    ]


def _is_picture(tag: Tag) -> bool:
    return tag.name == "div" and bool(attribute(tag, "class") or attribute(tag, "data-label"))


def _kind(part: _Part) -> tuple[BlockKind, bool]:
    """Its role, and whether its label is known."""
    label = (attribute(part.tag, "data-label") or attribute(part.tag, "class")).lower()
    if part.tag.name == "div" and label:
        kind = _LABELS.get(label) or _LABELS.get(label.split(".")[0].strip())
        return (kind, True) if kind else ("text", False)
    return _TAGS.get(part.tag.name, "text"), True


def _box(reading: Reading, part: _Part, width: float, height: float) -> Polygon | None:
    numbers = [float(number) for number in _NUMBER.findall(attribute(part.tag, "data-bbox")[:100])]
    box, is_sound = box_of(numbers, width, height)
    if not is_sound:
        reading.flag("malformed")
    return box


def _add(reading: Reading, kind: BlockKind, part: _Part, box: Polygon | None) -> None:
    source = part.source
    if kind == "text" and has_html_table(source):
        kind = "table"
    if kind == "formula":
        block, flags = formula_block(inner_text(source), box)
        reading.flag(*flags)
        reading.add(block)
    elif kind in {"table", "chart"} and has_html_table(source):
        block, flags = table_block(source, box, kind)
        reading.flag(*flags)
        reading.add(block)
    elif kind == "list":
        _add_items(reading, source, box)
    elif kind == "figure":
        reading.add(ParsedBlock(kind, _description(source), box=box))
    else:
        _add_words(reading, kind, part, box)


def _add_words(reading: Reading, kind: BlockKind, part: _Part, box: Polygon | None) -> None:
    words = inner_text(part.source)
    heading = _HEADING.search(part.source)
    if not words:
        return
    if kind == "text" and heading and part.tag.name == "div":
        kind = "heading"
    level = int(heading.group(1)) if heading and kind == "heading" else 0
    if kind == "heading" and not level:
        level = 2
    reading.add(ParsedBlock("text" if kind == "table" else kind, words, level=level, box=box))


def _add_items(reading: Reading, source: str, box: Polygon | None) -> None:
    """Add each `li` as a block of its own, with its depth."""
    depth, begin = 0, 0
    level = 1
    for piece in pieces(source):
        if not isinstance(piece, Tag) or piece.name not in {"li", "ul", "ol"}:
            continue
        if piece.name == "li" or not piece.is_end:
            _add_item(reading, source[begin : piece.start], level, box)
            begin = piece.end
        if piece.name in {"ul", "ol"}:
            _add_item(reading, source[begin : piece.start], level, box)
            begin = piece.end
            depth = max(0, min(9, depth + (-1 if piece.is_end else 1)))
        level = max(1, depth)
    _add_item(reading, source[begin:], level, box)


def _add_item(reading: Reading, source: str, level: int, box: Polygon | None) -> None:
    if words := inner_text(source).strip():
        reading.add(ParsedBlock("list", words, level=level, box=box))


def _description(source: str) -> str:
    """What the model says of a picture."""
    alts = (
        attribute(piece, "alt")
        for piece in pieces(source)
        if isinstance(piece, Tag) and piece.name == "img"
    )
    return next((alt for alt in alts if alt), "") or inner_text(source)
