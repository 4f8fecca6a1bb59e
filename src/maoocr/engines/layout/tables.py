"""A table and how it is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .joining import joined
from .level import Box, Piece

__all__ = ["Cell", "Table", "pieces_text"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; rows and columns count from 0.

    Attributes:
        pieces: what stands in it, from the top.
    """

    row: int
    column: int
    rowspan: int
    colspan: int
    pieces: tuple[Piece, ...] = ()

    @property
    def text(self) -> str:
        """What stands in it, as one text."""
        return pieces_text(self.pieces)


@dataclass(frozen=True, slots=True)
class Table:
    """Cells that cover their grid, from the top left.

    Attributes:
        row_boxes: the rows as they lie, for the order of reading.
        lines: of the page that stand in it, in order.
    """

    box: Box
    rows: int
    columns: int
    cells: tuple[Cell, ...]
    row_boxes: tuple[Box, ...]

    @property
    def lines(self) -> tuple[int, ...]:
        numbers = (piece.line for cell in self.cells for piece in cell.pieces)
        return tuple(dict.fromkeys(numbers))

    @property
    def html(self) -> str:
        """One `<table>` element, its text escaped."""
        rows = []
        for row in range(self.rows):
            cells = "".join(_cell(cell) for cell in self.cells if cell.row == row)
            rows.append(f"<tr>{cells}</tr>")
        return f"<table>{''.join(rows)}</table>"

    @property
    def text(self) -> str:
        """A line for each row, tabs between its cells."""
        rows = ([cell.text for cell in self.cells if cell.row == row] for row in range(self.rows))
        return "\n".join("\t".join(row) for row in rows)


def _cell(cell: Cell) -> str:
    spans = f' rowspan="{cell.rowspan}"' if cell.rowspan > 1 else ""
    spans += f' colspan="{cell.colspan}"' if cell.colspan > 1 else ""
    return f"<td{spans}>{escape(cell.text, quote=False)}</td>"


def pieces_text(pieces: Sequence[Piece]) -> str:
    """Pieces of one cell as one text: row by row, and from the left within a row."""
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.box.middle):
        last = rows[-1][-1].box if rows else None
        if last and piece.box.middle - last.middle < 0.5 * min(last.height, piece.box.height):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    ordered = (piece for row in rows for piece in sorted(row, key=lambda piece: piece.box.x0))
    return joined([piece.text for piece in ordered])
