"""Tables without upright rulings: rows of pieces that stand in the same columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .level import Box, Piece, around, split_at_gaps
from .rulings import Segments
from .tables import Cell, Table

__all__ = ["aligned_tables", "in_rows"]

SPLIT_GAP = 1.5
"""Words of a line that are so many heights apart stand in two cells."""
CELL_GAP = 0.7
ROW_GAP = 2.2
"""Rows further apart (in heights, edge to edge) are not of one table."""
GUTTER = 0.5
CROSSING_SHARE = 0.1
LEAST_ROWS = 3
LEAST_FILLED = 0.5
MOST_SINGLES = 2
EVEN_PITCH = 1.15
PROSE_FILL, PROSE_HEIGHTS = 0.75, 8.0
"""Of a column's width, and wide in heights: a line of running text."""
MOST_WORDS_ACROSS = 6
RULE_SHARE = 0.6
WRAP_PITCH = 0.8

_NUMBER = re.compile(
    r"^[\s(\-+\u2013—$€£¥￥*≤≥<>~≈±]*\d[\d\s.,:/%()\-\u2013—+'\u2019^°]*\S{0,4}$|^[-\u2013—/*]$"
)
_MARK = re.compile(r"^(\(?\[?[\dA-Za-z]{1,3}[.)\]]?|[•●○▪■□◦‣·\u2013—*➢❑✓☐☑☒-]|[①-⑳])$")
_SENTENCE_END = re.compile(r"[.;:,。\uff1b\uff1a\uff0c]$")

Row = list[Piece]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where columns begin and end, from the left."""

    left: tuple[float, ...]
    right: tuple[float, ...]

    def of(self, box: Box) -> tuple[int, int]:
        """First and last column that a piece stands in; it crosses those between."""
        held = [
            column
            for column, (left, right) in enumerate(zip(self.left, self.right, strict=True))
            if min(box.x1, right) - max(box.x0, left) > 0.25 * min(box.width, right - left)
        ]
        if held:
            return held[0], held[-1]
        middle = (box.x0 + box.x1) / 2
        ends = [abs((a + b) / 2 - middle) for a, b in zip(self.left, self.right, strict=True)]
        nearest = int(np.argmin(ends))
        return nearest, nearest


def in_rows(pieces: Sequence[Piece]) -> list[Row]:
    """Pieces that stand beside each other, from the top, and from the left within a row."""
    rows: list[Row] = []
    level, tall = 0.0, 0.0
    for piece in sorted(pieces, key=lambda piece: piece.box.middle):
        if rows and piece.box.middle - level <= 0.5 * min(tall, piece.box.height):
            rows[-1].append(piece)
        else:
            rows.append([piece])
            level, tall = piece.box.middle, piece.box.height
    return [sorted(row, key=lambda piece: piece.box.x0) for row in rows]


def aligned_tables(
    pieces: Sequence[Piece], text_height: float, rules: Segments, *, framed: bool = False
) -> list[Table]:
    """The tables of one region.

    Args:
        pieces: whole lines.
        text_height: their usual height, in pixels.
        rules: horizontal rulings, which part rows whose cells have several lines.
        framed: a frame is drawn about them, so that all of them are one table or none is.
    """
    parts = [part for p in pieces for part in split_at_gaps(p, SPLIT_GAP * p.box.height)]
    rows = in_rows(parts)
    tables: list[Table] = []
    if framed and (table := _table(rows, text_height, rules)):
        return [table]
    at = 0
    while at < len(rows):
        end = _run_end(rows, at) if _is_multiple(rows[at]) else at
        table = _table(rows[at:end], text_height, rules) if end - at > 1 else None
        if table:
            tables.append(table)
        at = max(end, at + 1)
    return tables


def _is_multiple(row: Row) -> bool:
    return any(
        b.box.x0 - a.box.x1 >= CELL_GAP * min(a.box.height, b.box.height) for a, b in pairwise(row)
    )


def _run_end(rows: Sequence[Row], start: int) -> int:
    """Where the run of rows ends that may be a table."""
    end, singles = start + 1, 0
    for at in range(start + 1, len(rows)):
        above, row = around([p.box for p in rows[at - 1]]), around([p.box for p in rows[at]])
        if row.y0 - above.y1 > ROW_GAP * min(above.height, row.height):
            break
        if _is_multiple(rows[at]):
            end, singles = at + 1, 0
        else:
            singles += not _is_row_of(rows[start : end + 1], rows[at - 1], rows[at])
            if singles > MOST_SINGLES or _is_sentence(rows[at], rows[start:end]):
                break
    return end


def _is_row_of(run: Sequence[Row], before: Row, row: Row) -> bool:
    """Whether one piece is the first cell of a row whose other cells are empty."""
    if len(run) <= LEAST_ROWS:
        return False
    pitches = [_middle(b) - _middle(a) for a, b in pairwise(run)]
    even = _middle(row) - _middle(before) <= EVEN_PITCH * float(np.median(pitches))
    second = min(other[1].box.x0 for other in run if _is_multiple(other))
    return even and row[-1].box.x1 < second


def _is_sentence(row: Row, before: Sequence[Row]) -> bool:
    """Whether a row of one piece runs across the table above as text does."""
    extent = around([piece.box for above in before for piece in above])
    wide = sum(piece.box.width for piece in row) > 0.6 * extent.width
    text = " ".join(piece.text for piece in row)
    return wide and (
        len(text.split()) > MOST_WORDS_ACROSS or _SENTENCE_END.search(text) is not None
    )


def _table(rows: Sequence[Row], text_height: float, rules: Segments) -> Table | None:
    multiple = [row for row in rows if _is_multiple(row)]
    columns = _columns(multiple, text_height)
    if columns is None or not _is_tabular(multiple, columns):
        return None
    box = around([piece.box for row in rows for piece in row])
    rows = _merged(rows, columns, _bands(box, rules))
    ruled = len(_bands(box, rules)) > 1
    if len(multiple) < (2 if ruled else LEAST_ROWS):
        return None
    cells = [cell for number, row in enumerate(rows) for cell in _cells(number, row, columns)]
    boxes = tuple(
        Box(box.x0, b.y0, box.x1, b.y1) for b in (around([p.box for p in row]) for row in rows)
    )
    return Table(box, len(rows), len(columns.left), tuple(cells), boxes)


def _columns(rows: Sequence[Row], text_height: float) -> _Columns | None:
    """Parted by what few rows cross."""
    boxes = [piece.box for row in rows for piece in row]
    starts = np.sort([box.x0 for box in boxes])
    ends = np.sort([box.x1 for box in boxes])
    stops = np.unique(np.concatenate([starts, ends]))
    middles = (stops[:-1] + stops[1:]) / 2
    covering = np.searchsorted(starts, middles, "right") - np.searchsorted(ends, middles, "right")
    allowed = max(int(len(rows) >= LEAST_ROWS + 1), int(CROSSING_SHARE * len(rows)))
    left: list[float] = [float(stops[0])]
    right: list[float] = []
    gap: float | None = None
    for i, count in enumerate(covering.tolist()):
        if count <= allowed and gap is None:
            gap = float(stops[i])
        if count > allowed and gap is not None:
            if stops[i] - gap >= GUTTER * text_height and gap > left[-1]:
                right.append(gap)
                left.append(float(stops[i]))
            gap = None
    right.append(float(stops[-1]))
    return _Columns(tuple(left), tuple(right)) if len(left) > 1 else None


def _is_tabular(rows: Sequence[Row], columns: _Columns) -> bool:
    """Whether these are cells, not lines of running text beside each other or items of a list."""
    count = len(columns.left)
    held: list[list[Piece]] = [[] for _ in range(count)]
    filled = 0
    for row in rows:
        spans = [columns.of(piece.box) for piece in row]
        filled += len({column for a, b in spans for column in range(a, b + 1)})
        for piece, (first, last) in zip(row, spans, strict=True):
            if first == last:
                held[first].append(piece)
    if filled < LEAST_FILLED * count * len(rows):
        return False
    prose, marks, numbers = 0, 0, 0
    for column, pieces in enumerate(held):
        width = columns.right[column] - columns.left[column]
        long = sum(_is_prose(piece, width) for piece in pieces)
        prose += long >= 0.5 * max(1, len(pieces)) and long >= LEAST_ROWS - 1
        marks += _share(_MARK, pieces) > 0.7
        numbers += _share(_NUMBER, pieces) >= 0.5
    if prose >= 2 or (prose and marks >= count - prose) or (count == 2 and marks):
        return False
    return count > 2 or numbers > 0


def _share(pattern: re.Pattern[str], pieces: Sequence[Piece]) -> float:
    matching = sum(pattern.match(piece.text) is not None for piece in pieces)
    return matching / max(1, len(pieces))


def _is_prose(piece: Piece, width: float) -> bool:
    box = piece.box
    return (
        box.width >= PROSE_FILL * width
        and box.width >= PROSE_HEIGHTS * box.height
        and _NUMBER.match(piece.text) is None
    )


def _bands(box: Box, rules: Segments) -> list[tuple[float, float]]:
    """The stretches between the rulings that run across the table."""
    across = [
        float(y)
        for y, first, last in rules
        if min(last, box.x1) - max(first, box.x0) >= RULE_SHARE * box.width
        and box.y0 + 2 < y < box.y1 - 2
    ]
    stops = [box.y0 - 1, *sorted(across), box.y1 + 1]
    return list(pairwise(stops))


def _merged(
    rows: Sequence[Row], columns: _Columns, bands: Sequence[tuple[float, float]]
) -> list[Row]:
    """Rows put together that are lines of the same cells."""
    banded = [[row for row in rows if low <= _middle(row) < high] for low, high in bands]
    banded = [band for band in banded if band]
    if len(banded) > 2 and sum(_is_atomic(b, columns) for b in banded) >= 0.7 * len(banded):
        return [[piece for row in band for piece in row] for band in banded]
    pitches = [_middle(b) - _middle(a) for a, b in pairwise(rows)]
    usual = float(np.median(pitches)) if pitches else 0.0
    merged: list[Row] = []
    for number, row in enumerate(rows):
        begins = any(columns.of(piece.box)[0] == 0 for piece in row)
        if number and not begins and pitches[number - 1] < WRAP_PITCH * usual:
            merged[-1] = merged[-1] + row
        else:
            merged.append(list(row))
    return merged


def _middle(row: Row) -> float:
    return float(np.median([piece.box.middle for piece in row]))


def _is_atomic(band: Sequence[Row], columns: _Columns) -> bool:
    """Whether some column has but one line there, so that the band is one row."""
    counts = [0] * len(columns.left)
    for row in band:
        for piece in row:
            counts[columns.of(piece.box)[0]] += 1
    return len(band) == 1 or 1 in counts


def _cells(number: int, row: Row, columns: _Columns) -> list[Cell]:
    """The cells of a row, those without text among them."""
    held: dict[int, tuple[int, list[Piece]]] = {}
    for piece in row:
        first, last = columns.of(piece.box)
        for start, (end, _) in held.items():
            if start <= first <= end:
                first = start
                break
        end, pieces = held.get(first, (last, []))
        held[first] = max(end, last), [*pieces, piece]
    cells: list[Cell] = []
    column = 0
    while column < len(columns.left):
        last, pieces = held.get(column, (column, []))
        beyond = [start for start in held if start > column]
        last = min([last, *(start - 1 for start in beyond)])
        cells.append(Cell(number, column, 1, last - column + 1, tuple(pieces)))
        column = last + 1
    return cells
