"""HTML tables as models write them: unclosed, nested, with attributes that nobody asked for."""

import re
from dataclasses import dataclass, field

from ...domain import PageFlag
from .markup import Tag, Text, inner_text, pieces
from .tables import Cell, Table, table_of_rows

__all__ = ["read_html_table"]

_SPAN = re.compile(r"\s(row|col)span\s*=\s*[\"']?\s*(\d{1,6})", re.IGNORECASE)


@dataclass(slots=True)
class _Rows:
    """A table while it is read."""

    rows: list[list[Cell]] = field(default_factory=list)
    cell: Tag | None = None
    words: list[str] = field(default_factory=list)
    depth: int = 0
    is_nested: bool = False
    in_head: bool = False
    row_is_open: bool = False

    def open_row(self) -> None:
        """Begin a row; cells without one begin it too."""
        self.close_cell()
        self.rows.append([])
        self.row_is_open = True

    def close_cell(self) -> None:
        """End the cell that is open."""
        if self.cell is None:
            return
        spans = {which.lower(): int(number) for which, number in _SPAN.findall(self.cell.source)}
        self.rows[-1].append(
            Cell(
                inner_text("".join(self.words)),
                # rowspan="0" reaches to the table's end (HTML, 4.9.11)
                spans.get("row", 1) or 1_000_000,
                spans.get("col", 1) or 1,
                is_header=self.cell.name == "th" or self.in_head,
            )
        )
        self.cell, self.words = None, []


def read_html_table(source: str) -> tuple[Table, list[PageFlag]]:
    """The first table of a piece of HTML, or of the rows that stand there without one.

    Returns:
        The table, empty where there is none; `truncated` where its end is missing, `malformed`
        where tables stand in each other (the inner one's words are the cell's) or limits are
        passed.
    """
    state = _Rows()
    flags: list[PageFlag] = []
    is_closed = False
    for piece in pieces(source):
        if isinstance(piece, Text):
            if state.cell is not None:
                state.words.append(piece.text.replace("&", "&amp;").replace("<", "&lt;"))
        elif piece.name == "table":
            state.depth += -1 if piece.is_end else 1
            if state.depth <= 0 and piece.is_end:
                is_closed = True
                break
            state.is_nested = state.is_nested or state.depth > 1
        elif state.depth > 1 and state.cell is not None:
            state.words.append(" " if piece.name in {"td", "th", "tr"} else piece.source)
        else:
            _take(state, piece)
    state.close_cell()
    table, is_sound = table_of_rows(state.rows)
    if state.is_nested or not is_sound:
        flags.append("malformed")
    if not is_closed:
        flags.append("truncated")
    return table, flags


def _take(state: _Rows, tag: Tag) -> None:
    if tag.name in {"thead", "tbody", "tfoot"}:
        state.close_cell()
        state.in_head = tag.name == "thead" and not tag.is_end
        state.row_is_open = False
    elif tag.name == "tr":
        if tag.is_end:
            state.close_cell()
            state.row_is_open = False
        else:
            state.open_row()
    elif tag.name in {"td", "th"}:
        state.close_cell()
        if not tag.is_end:
            if not state.row_is_open:
                state.open_row()
            state.cell = tag
    elif state.cell is not None:
        state.words.append(tag.source)
