"""A table as cells with spans, however a model wrote it; and as HTML that is safe to show."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace

__all__ = ["MOST_CELLS", "MOST_SPAN", "Cell", "Table", "table_of_rows"]

MOST_CELLS = 20_000
MOST_ROWS = 2_000
MOST_SPAN = 500
MOST_CELL_CHARS = 10_000


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; it reaches over `rows` and `columns`, from 1."""

    text: str = ""
    rows: int = 1
    columns: int = 1
    is_header: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of the cells that begin in them."""

    rows: tuple[tuple[Cell, ...], ...] = ()

    @property
    def html(self) -> str:
        """One `<table>` of `tr`, `th` and `td` with spans; every other character is text."""
        if not self.rows:
            return ""
        body = "".join(f"<tr>{''.join(map(_cell_html, row))}</tr>" for row in self.rows)
        return f"<table>{body}</table>"

    @property
    def text(self) -> str:
        """A line for each row, tabs between its cells."""
        return "\n".join(
            "\t".join(" ".join(cell.text.split()) for cell in row) for row in self.rows
        )

    @property
    def is_empty(self) -> bool:
        """Whether no cell says anything."""
        return not any(cell.text for row in self.rows for cell in row)


def _cell_html(cell: Cell) -> str:
    name = "th" if cell.is_header else "td"
    spans = f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
    spans += f' colspan="{cell.columns}"' if cell.columns > 1 else ""
    return f"<{name}{spans}>{html.escape(cell.text)}</{name}>"


def table_of_rows(rows: Sequence[Sequence[Cell]]) -> tuple[Table, bool]:
    """A table that keeps to the limits, and whether it did so from the start.

    Spans end with the table; rows that hold nothing at the end go.
    """
    is_sound = True
    kept: list[tuple[Cell, ...]] = []
    cells = 0
    for index, row in enumerate(rows):
        if index >= MOST_ROWS or cells + len(row) > MOST_CELLS:
            is_sound = False
            break
        cells += len(row)
        kept.append(tuple(row))
    sound: list[tuple[Cell, ...]] = []
    for index, line in enumerate(kept):
        most_rows = len(kept) - index
        is_sound = is_sound and all(1 <= cell.columns <= MOST_SPAN for cell in line)
        sound.append(tuple(_bounded(cell, most_rows) for cell in line))
    while sound and not sound[-1]:
        sound.pop()
    return Table(tuple(sound)), is_sound


def _bounded(cell: Cell, most_rows: int) -> Cell:
    return replace(
        cell,
        text=cell.text.strip()[:MOST_CELL_CHARS],
        rows=max(1, min(cell.rows, most_rows)),
        columns=max(1, min(cell.columns, MOST_SPAN)),
    )
