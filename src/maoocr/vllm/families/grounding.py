"""Answers that say where each block stands before they say what it says.

Three notations: `<|ref|>label<|/ref|><|det|>[[x1, y1, x2, y2]]<|/det|>` of DeepSeek-OCR, the same
with the special tokens left out by a server (`label[[x1, y1, x2, y2]]` as a line), and
`![label](x1,y1,x2,y2)` of LightOnOCR-3. A block's words run on to the next such mark.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ...domain import BlockKind, Polygon
from .base import ParsedBlock
from .element import formula_block, table_block
from .inline import plain
from .markdown import read_markdown
from .reading import Reading, box_of, hull_of

__all__ = ["KINDS", "Mark", "add_region", "marks", "picture_marks", "read_marked", "ref_marks"]

_REF = re.compile(
    r"<\|ref\|>(?P<label>[^<]{0,2000}?)<\|/ref\|>\s{0,3}<\|det\|>(?P<box>[^<]{0,2000})<\|/det\|>"
)
_BARE = re.compile(r"^(?P<label>[a-z_]{3,30})(?P<box>\[\[[\d,.\s\[\]-]{7,400}\]\])[ \t]*$", re.M)
_PICTURE = re.compile(r"^!\[(?P<label>[a-z_]{3,30}\+?)\]\((?P<box>[\d,.\s-]{7,60})\)", re.M)
_CUT = re.compile(
    r"<(?:\|(?:/?(?:r|re|ref|d|de|det))?(?:\|>?[^\n]{0,2000})?)?$|^[a-z_]{3,30}\[\[[\d,.\s-]*$",
    re.M,
)
_CUT_CHARS = 3_000
_NUMBER = re.compile(r"-?\d{1,6}(?:\.\d{1,6})?")

KINDS: dict[str, BlockKind] = {
    "text": "text",
    "plain_text": "text",
    "paragraph": "text",
    "abstract": "text",
    "reference": "text",
    "references": "text",
    "aside_text": "text",
    "title": "title",
    "doc_title": "title",
    "sub_title": "heading",
    "section": "heading",
    "heading": "heading",
    "section_header": "heading",
    "paragraph_title": "heading",
    "list": "list",
    "list_item": "list",
    "table": "table",
    "equation": "formula",
    "formula": "formula",
    "isolate_formula": "formula",
    "interline_equation": "formula",
    "image": "figure",
    "figure": "figure",
    "picture": "figure",
    "chart": "chart",
    "caption": "caption",
    "image_caption": "caption",
    "figure_caption": "caption",
    "figure_title": "caption",
    "table_caption": "caption",
    "table_title": "caption",
    "code_caption": "caption",
    "table_footnote": "footnote",
    "image_footnote": "footnote",
    "page_footnote": "footnote",
    "footnote": "footnote",
    "header": "header",
    "page_header": "header",
    "footer": "footer",
    "page_footer": "footer",
    "page_number": "page_number",
    "code": "code",
    "algorithm": "code",
    "seal": "seal",
    "stamp": "seal",
}
"""Roles by the labels of all models that name them alike."""

_KEEPING = {"text", "title", "heading", "list"}
"""Roles of which the Markdown of the words knows more than the label."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A label, its boxes in numbers of the model's frame, and the words up to the next one."""

    label: str
    boxes: tuple[tuple[float, ...], ...]
    words: str


def ref_marks(text: str) -> tuple[str, list[Mark], bool]:
    """What stands before the first mark, the marks, and whether the last one is whole."""
    pattern = _REF if "<|ref|>" in text else _BARE
    before, found = marks(text, pattern, 4)
    if not found:
        words, is_whole = _without_cut(before)
        return words, [], is_whole
    words, is_whole = _without_cut(found[-1].words)
    found[-1] = replace(found[-1], words=words)
    return before, found, is_whole


def _without_cut(text: str) -> tuple[str, bool]:
    """A text without the mark that it breaks off in, and whether it is whole."""
    begin = max(0, len(text) - _CUT_CHARS)
    for cut in _CUT.finditer(text, begin):
        if not text[cut.end() :].strip():
            return text[: cut.start()].rstrip(), False
    return text, True


def picture_marks(text: str) -> tuple[str, list[Mark]]:
    """What stands before the first mark, and the marks, in LightOnOCR-3's notation."""
    return marks(text, _PICTURE, 4)


def marks(text: str, pattern: re.Pattern[str], size: int) -> tuple[str, list[Mark]]:
    """What stands before the first mark, and the marks with the words that follow each.

    Args:
        text: the answer.
        pattern: with the groups `label` and `box`.
        size: numbers of one box.
    """
    found = list(pattern.finditer(text))
    if not found:
        return text, []
    ends = [following.start() for following in found[1:]] + [len(text)]
    return text[: found[0].start()], [
        Mark(
            mark["label"].strip(),
            tuple(_groups([float(n) for n in _NUMBER.findall(mark["box"])], size)),
            text[mark.end() : end].strip(),
        )
        for mark, end in zip(found, ends, strict=True)
    ]


def _groups(numbers: Sequence[float], size: int) -> Iterator[tuple[float, ...]]:
    for begin in range(0, len(numbers), size):
        yield tuple(numbers[begin : begin + size])


def read_marked(
    before: str,
    found: Sequence[Mark],
    scale: float,
    kind_of: Callable[[str], BlockKind | None] | None = None,
) -> Reading:
    """Blocks of marks whose coordinates run from 0 to `scale`; unknown labels are flagged."""
    reading = read_markdown(before)
    for mark in found:
        kind = (kind_of or KINDS.get)(mark.label.lower().replace(" ", "_").replace("-", "_"))
        if kind is None:
            reading.flag("malformed")
        add_region(reading, kind or "text", mark.words, _box(reading, mark, scale))
    return reading


def _box(reading: Reading, mark: Mark, scale: float) -> Polygon | None:
    """The rectangle around a mark's boxes; what is wrong with them is flagged."""
    sound = []
    for values in mark.boxes:
        box, is_sound = box_of(values, scale, scale)
        if not is_sound:
            reading.flag("malformed")
        if box is not None:
            sound.append(box)
    if not mark.boxes:
        reading.flag("malformed")
    return hull_of(sound)


def add_region(reading: Reading, kind: BlockKind, words: str, box: Polygon | None) -> None:
    """Add the blocks of one region, whose role is known, from its words in Markdown."""
    if kind == "formula":
        block, flags = formula_block(words, box)
        reading.flag(*flags)
        reading.add(block)
    elif kind in {"table", "chart"} and words.strip():
        _add_table(reading, kind, words, box)
    elif kind == "code":
        reading.add(ParsedBlock("code", words.strip("`\n"), box=box))
    elif kind in _KEEPING:
        _add_words(reading, kind, words, box)
    else:
        reading.add(ParsedBlock(kind, plain(words.lstrip("# ")), box=box))


def _add_table(reading: Reading, kind: BlockKind, words: str, box: Polygon | None) -> None:
    """Add a table; a caption may stand before it, and a chart may have been described instead."""
    block, flags = table_block(words, box, kind)
    if block.kind == kind:
        reading.flag(*flags)
        reading.add(block)
    elif kind == "chart":
        reading.add(ParsedBlock(kind, plain(words), box=box))
    else:
        reading.flag(*flags)
        reading.add(replace(block, kind="text"))


def _add_words(reading: Reading, kind: BlockKind, words: str, box: Polygon | None) -> None:
    inner = read_markdown(words)
    reading.flag(*inner.flags)
    if not inner.blocks and box is not None:
        reading.add(ParsedBlock(kind, box=box))
    for block in inner.blocks:
        if kind in {"title", "heading"} and block.kind in {"text", "heading", "list"}:
            level = block.level if block.kind == "heading" else 0
            is_title = kind == "title" and level < 2
            block = ParsedBlock(
                "title" if is_title else "heading", block.text, level=0 if is_title else level or 2
            )
        elif kind == "list" and block.kind == "text":
            block = replace(block, kind="list", level=1)
        reading.add(replace(block, box=box))
