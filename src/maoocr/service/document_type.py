"""What kind of document a page is of, told from what a fast engine read on it.

Rules over lines, their places and their scores. They are to choose an engine, so they lean towards
`simple_text`: who reads plain text as a table loses time, and nothing else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ..domain import Block, DocumentType, PageResult, TextLine
from .language import detect_language

__all__ = ["FoundType", "document_type_of"]

_AMOUNT = re.compile(
    r"(?:^|[\s$€£¥:RM])[-+]?\d{1,3}(?:[ ,.]?\d{3})*[.,]\d{2}\s*(?:[A-Z€£¥]{1,3})?$"
)
_RECEIPT_WORDS = re.compile(
    r"\b(total|subtotal|tax|vat|gst|cash|change|receipt|invoice|visa|mastercard|qty|amount|bon|mwst"
    r"|summe|betrag)\b|合计|小计|总计|金额|收银|单价|数量|应收|实收|找零|小票",
    re.IGNORECASE,
)
_MATHEMATICS = re.compile(
    r"[=<>^_{}|\\\u00b1\u00d7\u00f7]|[\u2190-\u22ff]|[\u2070-\u209f]|[\u0370-\u03ff]"
)
"""ASCII signs, plus-minus, times and divided; arrows and operators; raised and lowered; Greek."""
_LETTERS = re.compile(r"[^\W\d_]{4,}")

_FORMULA_SHARE = 0.3
_TABLE_SHARE = 0.5
_TABLE_ROWS, _TABLE_CELLS = 3, 3
_RECEIPT_AMOUNTS = 3
_PROSE_CELLS = 40
"""A till prints fewer characters on a line; those of Chinese count twice."""
_SURE_SCORE, _HARD_SHARE, _HARD_LINES, _LONG_CHARACTERS = 0.95, 0.45, 5, 6
"""PP-OCR gives 0.97 and more to nearly every line of print, to handwriting less to half of them."""
_COLUMN_LINES = 4


@dataclass(frozen=True, slots=True)
class FoundType:
    """What was found.

    Attributes:
        document_type: `auto` on a page without text.
        language: by the script of the text; see `detect_language`.
        evidence: for the type, as sentences.
    """

    document_type: DocumentType
    language: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Piece:
    """A line as an upright box, in pixels."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str

    @property
    def middle(self) -> float:
        return (self.y0 + self.y1) / 2

    @property
    def height(self) -> float:
        return self.y1 - self.y0


def document_type_of(page: PageResult) -> FoundType:
    """Tell the type and the language of a document from one of its pages, mostly the first."""
    language = detect_language(page.text)
    if not page.lines:
        return FoundType("auto", language, ("There is no text on the page.",))
    pieces = [_piece(line) for line in page.lines]
    rules = (
        ("table", _blocks_told(page.blocks, "table", pieces)),
        ("formula", _blocks_told(page.blocks, "formula", pieces)),
        ("formula", _formula(pieces)),
        ("receipt", _receipt(pieces)),
        ("table", _table(pieces)),
        ("handwriting", _handwriting(page.lines)),
        ("complex_layout", _columns(pieces)),
    )
    kinds: dict[str, DocumentType] = {
        "table": "table",
        "formula": "formula",
        "receipt": "receipt",
        "handwriting": "handwriting",
        "complex_layout": "complex_layout",
    }
    for kind, evidence in rules:
        if evidence:
            return FoundType(kinds[kind], language, (evidence,))
    return FoundType("simple_text", language, ("Nothing on the page is hard to read in lines.",))


def _piece(line: TextLine) -> _Piece:
    xs, ys = [x for x, _ in line.polygon], [y for _, y in line.polygon]
    return _Piece(min(xs), min(ys), max(xs), max(ys), line.text.strip())


def _blocks_told(blocks: Sequence[Block], kind: str, pieces: Sequence[_Piece]) -> str:
    """Blocks of one kind that hold most of the lines."""
    inside = sum(len(block.lines) for block in blocks if block.kind == kind)
    if inside > _TABLE_SHARE * len(pieces):
        return f"{inside} of {len(pieces)} lines stand in blocks of the kind {kind}."
    return ""


def _formula(pieces: Sequence[_Piece]) -> str:
    """Lines with signs of mathematics and hardly a word."""
    found = 0
    for piece in pieces:
        text = piece.text
        signs = len(_MATHEMATICS.findall(text))
        words = sum(len(word) for word in _LETTERS.findall(text))
        # A label with an equals sign is none: the signs must weigh something beside the words.
        if signs and signs * 6 >= len(text) and words * 2 < len(text):
            found += 1
    is_enough = found >= 2 and found >= _FORMULA_SHARE * len(pieces)
    if is_enough or found == len(pieces) == 1:
        return f"{found} of {len(pieces)} lines look like mathematics."
    return ""


def _receipt(pieces: Sequence[_Piece]) -> str:
    """A narrow text with amounts of money at the ends of its lines."""
    amounts = sum(bool(_AMOUNT.search(piece.text)) for piece in pieces)
    words = sum(bool(_RECEIPT_WORDS.search(piece.text)) for piece in pieces)
    width = max(p.x1 for p in pieces) - min(p.x0 for p in pieces)
    height = max(p.y1 for p in pieces) - min(p.y0 for p in pieces)
    prose = sum(_cells_wide(piece.text) > _PROSE_CELLS for piece in pieces)
    is_dense = amounts * 6 >= len(pieces) and (words or amounts > 2 * _RECEIPT_AMOUNTS)
    wide_rows = sum(len(row) >= _TABLE_CELLS + 2 for row in _rows(pieces))
    is_slip = height > 1.05 * width and prose * 10 < len(pieces) and wide_rows < _TABLE_ROWS
    if (
        amounts >= _RECEIPT_AMOUNTS
        and amounts * 12 >= len(pieces)
        and is_slip
        and (words >= 2 or is_dense)
    ):
        return f"The text is narrow, {amounts} lines end in amounts and {words} speak of payment."
    return ""


def _cells_wide(text: str) -> int:
    return sum(1 if character < "\u2e80" else 2 for character in text)


def _rows(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Pieces that stand side by side, from the top down, each row from left to right."""
    rows: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda p: p.middle):
        last = rows[-1] if rows else []
        if last and piece.middle - median(p.middle for p in last) < 0.5 * min(
            piece.height, median(p.height for p in last)
        ):
            last.append(piece)
        else:
            rows.append([piece])
    return [sorted(row, key=lambda p: p.x0) for row in rows]


def _table(pieces: Sequence[_Piece]) -> str:
    """Rows of short cells whose edges stand in line with those of the rows around them."""
    rows = [row for row in _rows(pieces) if len(row) >= _TABLE_CELLS]
    if len(rows) < _TABLE_ROWS:
        return ""
    tolerance = median(piece.height for piece in pieces)
    aligned = [
        row
        for n, row in enumerate(rows)
        if any(
            _in_line(row, other, tolerance)
            for other in rows[max(0, n - 2) : n + 3]
            if other is not row
        )
    ]
    cells = sum(len(row) for row in aligned)
    if len(aligned) >= _TABLE_ROWS and cells > _TABLE_SHARE * len(pieces):
        return f"{cells} of {len(pieces)} lines stand in {len(aligned)} rows of aligned cells."
    return ""


def _in_line(row: Sequence[_Piece], other: Sequence[_Piece], tolerance: float) -> bool:
    """Whether most cells of the shorter row have one of the other above or below them."""
    short, long = sorted((row, other), key=len)
    met = sum(
        any(
            abs(a.x0 - b.x0) < tolerance
            or abs(a.x1 - b.x1) < tolerance
            or abs(a.x0 + a.x1 - b.x0 - b.x1) < 2 * tolerance
            for b in long
        )
        for a in short
    )
    return met >= _TABLE_CELLS and met >= 0.6 * len(short)


def _handwriting(lines: Sequence[TextLine]) -> str:
    """Long lines that the engine is not sure of."""
    long = [line for line in lines if len(line.text) >= _LONG_CHARACTERS]
    hard = [line for line in long if line.score < _SURE_SCORE]
    if len(long) >= _HARD_LINES and len(hard) >= _HARD_SHARE * len(long):
        return f"{len(hard)} of {len(long)} long lines are hard to read."
    return ""


def _columns(pieces: Sequence[_Piece]) -> str:
    """Lines of prose side by side, with a gutter between them that hardly any line crosses."""
    height = median(piece.height for piece in pieces)
    prose = [p for p in pieces if p.x1 - p.x0 > 8 * height]
    if len(prose) < 2 * _COLUMN_LINES:
        return ""
    left, right = min(p.x0 for p in prose), max(p.x1 for p in prose)
    for step in range(20, 81, 5):
        at = left + (right - left) * step / 100
        before = [p for p in prose if p.x1 <= at + height / 2]
        after = [p for p in prose if p.x0 >= at - height / 2]
        crossing = len(prose) - len(before) - len(after)
        if min(len(before), len(after)) < _COLUMN_LINES or crossing > 0.2 * len(prose):
            continue
        top = max(min(p.y0 for p in before), min(p.y0 for p in after))
        bottom = min(max(p.y1 for p in before), max(p.y1 for p in after))
        if bottom - top > 3 * _COLUMN_LINES * height / 2:
            return f"{len(before)} and {len(after)} lines stand in columns side by side."
    return ""
