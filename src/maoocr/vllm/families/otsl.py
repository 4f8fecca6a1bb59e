"""OTSL, the table language of PaddleOCR-VL and MinerU, as cells with spans.

`<fcel>` begins a cell with text, `<ecel>` an empty one; `<lcel>` belongs to the cell on its left,
`<ucel>` to the one above, `<xcel>` to the one above and left; `<nl>` ends a row. `<ched>`, `<rhed>`
and `<srow>` (docling's headers) are taken as cells with text. Source: M. Lysak et al., Optimized
Table Tokenization for Table Structure Recognition (2023), and the readers in PaddleX 3.7.2 and
opendatalab/mineru-vl-utils abb57de (post_process/otsl2html.py).
"""

import re

from ...domain import PageFlag
from .markup import inner_text
from .tables import MOST_CELLS, MOST_SPAN, Cell, Table, table_of_rows

__all__ = ["is_otsl", "read_otsl"]

_TOKEN = re.compile(r"<(fcel|ecel|lcel|ucel|xcel|nl|ched|rhed|srow)>")
_TEXT = {"fcel", "ched", "rhed", "srow"}
_LEFT, _UP = {"lcel", "xcel"}, {"ucel", "xcel"}


def is_otsl(text: str) -> bool:
    """Whether a text has the tokens of a table in it."""
    return _TOKEN.search(text) is not None


def read_otsl(text: str) -> tuple[Table, list[PageFlag]]:
    """The table of an answer.

    Returns:
        The table, and `truncated` where the last row has no end, `malformed` where a cell belongs
        to one that is not there, rows differ in length or limits are passed.
    """
    rows, is_closed, is_sound = _rows(text)
    width = max((len(row) for row in rows), default=0)
    # a last row that was cut off is short of cells for that reason alone
    whole = rows if is_closed else rows[:-1]
    is_sound = is_sound and all(len(row) == width for row in whole)
    cells: list[list[Cell]] = []
    for index, row in enumerate(rows):
        found = []
        for column, (token, words) in enumerate(row):
            if token in _LEFT | _UP:
                is_sound = is_sound and _has_owner(rows, index, column, token)
                if not words:
                    continue
            found.append(
                Cell(
                    inner_text(words),
                    _down(rows, index, column),
                    _right(row, column),
                    is_header=token in {"ched", "rhed"},
                )
            )
        cells.append(found)
    table, is_bounded = table_of_rows(cells)
    flags: list[PageFlag] = []
    if not is_sound or not is_bounded:
        flags.append("malformed")
    if not is_closed:
        flags.append("truncated")
    return table, flags


_Row = list[tuple[str, str]]


def _rows(text: str) -> tuple[list[_Row], bool, bool]:
    """Rows of tokens with their words, whether the last one ends, and whether all is bounded."""
    rows: list[_Row] = [[]]
    parts = _TOKEN.split(text)
    is_sound = not parts[0].strip()
    cells = 0
    for token, words in zip(parts[1::2], parts[2::2], strict=True):
        if token == "nl":
            rows.append([])
            is_sound = is_sound and not words.strip()
            continue
        cells += 1
        if cells > MOST_CELLS:
            return [row for row in rows if row], True, False
        is_sound = is_sound and not (words.strip() and token not in _TEXT)
        rows[-1].append((token, words.strip()))
    is_closed = not rows[-1]
    return [row for row in rows if row], is_closed, is_sound


def _has_owner(rows: list[_Row], row: int, column: int, token: str) -> bool:
    if token in _LEFT and column == 0:
        return False
    return not (token in _UP and (row == 0 or column >= len(rows[row - 1])))


def _right(row: _Row, column: int) -> int:
    span = 1
    while span < MOST_SPAN and column + span < len(row) and row[column + span][0] in _LEFT:
        span += 1
    return span


def _down(rows: list[_Row], row: int, column: int) -> int:
    span = 1
    while (
        span < MOST_SPAN
        and row + span < len(rows)
        and column < len(rows[row + span])
        and rows[row + span][column][0] in _UP
    ):
        span += 1
    return span
