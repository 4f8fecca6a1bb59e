"""Tables whose cells are drawn: ruling lines -> a grid -> cells that span it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .level import Box, Piece, pieces_within
from .rulings import Rulings, Segments
from .tables import Cell, Table

__all__ = ["ruled_tables"]

NEAR = 0.35
"""Lines that are closer than so many heights of the text meet, or are one."""
OPEN_SIDE = 1.0
"""Rows that reach so far (in heights) beyond the last upright line end in a cell without one."""
SIDE_SHARE = 0.3
"""A side of a cell is drawn when so much of it is: text that touches a line breaks it."""
LONG_UPRIGHT = 3.0
STROKE = 2.0
"""An upright that crosses a line of text and is at most so many of its heights long is none."""
MOST_LINES = 200
"""Rows or columns of a grid; more are a pattern."""
LEAST_FILLED = 0.2
MOST_LINES_PER_CELL = 8

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where rows and columns part (sorted), and which sides of the unit cells are drawn.

    Attributes:
        below: (rows - 1, columns): a line below that cell.
        right: (rows, columns - 1): a line on its right.
    """

    ys: Numbers
    xs: Numbers
    below: NDArray[np.bool_]
    right: NDArray[np.bool_]


def ruled_tables(
    rulings: Rulings, pieces: Sequence[Piece], text_height: float
) -> tuple[list[Table], list[Box]]:
    """The tables, and the frames whose rows are drawn but not their columns.

    Args:
        rulings: of the page, in the level frame.
        pieces: the lines of the page.
        text_height: their usual height, in pixels.
    """
    tables: list[Table] = []
    frames: list[Box] = []
    rest = list(pieces)
    near = max(3.0, NEAR * text_height)
    rulings = _mended(_without_strokes(rulings, pieces, 0.25 * text_height), pieces, text_height)
    for horizontal, upright in _groups(rulings, near, text_height):
        grid = _grid(horizontal, upright, near, text_height)
        if grid is None:
            frames += _frame(horizontal, upright, text_height)
            continue
        box = Box(grid.xs[0], grid.ys[0], grid.xs[-1], grid.ys[-1])
        inside = [piece for piece in rest if _stands_in(piece.box, box, near)]
        table = _filled(grid, box, inside)
        if table is not None:
            tables.append(table)
            taken = set(table.lines)
            rest = [piece for piece in rest if piece.line not in taken]
    return tables, frames


def _frame(across: Segments, down: Segments, text_height: float) -> list[Box]:
    box = Box(down[:, 0].min(), across[:, 0].min(), down[:, 0].max(), across[:, 0].max())
    return [box] if len(across) > 2 and box.width > 10 * text_height else []


def _without_strokes(rulings: Rulings, pieces: Sequence[Piece], slack: float) -> Rulings:
    """Without what lies inside a line of text: strokes, and on dark ground what parts letters."""
    bounds = [(p.box.x0, p.box.y0, p.box.x1, p.box.y1) for p in pieces]
    x0, y0, x1, y1 = np.array(bounds).reshape(-1, 4).T
    across, down = rulings.horizontal[:, :, None], rulings.vertical[:, :, None]
    inside = (across[:, 0] >= y0 - slack) & (across[:, 0] <= y1 + slack)
    inside &= (across[:, 1] >= x0 - slack) & (across[:, 2] <= x1 + slack)
    within = (down[:, 0] >= x0) & (down[:, 0] <= x1)
    within &= (np.minimum(down[:, 2], y1) - np.maximum(down[:, 1], y0)) > 0.5 * (y1 - y0)
    within &= down[:, 2] - down[:, 1] <= STROKE * (y1 - y0)
    return Rulings(rulings.horizontal[~inside.any(axis=1)], rulings.vertical[~within.any(axis=1)])


def _mended(rulings: Rulings, pieces: Sequence[Piece], text_height: float) -> Rulings:
    """With the horizontal lines whole that text broke by touching them."""
    across = rulings.horizontal
    levels = _levels(across[:, 0], 0.1 * text_height) if len(across) else across[:, 0]
    level = np.searchsorted(levels, across[:, 0] - 0.1 * text_height)
    slack = 0.25 * text_height
    mended: list[list[float]] = []
    before = -1
    for i in np.lexsort((across[:, 1], level)).tolist():
        y, first, last = across[i].tolist()
        if level[i] == before and _covers(pieces, y, mended[-1][2], first, slack):
            mended[-1][2] = max(last, mended[-1][2])
        else:
            mended.append([y, first, last])
        before = level[i]
    return Rulings(np.array(mended).reshape(-1, 3), rulings.vertical)


def _covers(pieces: Sequence[Piece], y: float, first: float, last: float, slack: float) -> bool:
    """Whether a gap in a line at `y` lies under one line of text."""
    return any(
        p.box.x0 - slack <= first
        and last <= p.box.x1 + slack
        and p.box.y0 - slack <= y <= p.box.y1 + slack
        for p in pieces
    )


def _groups(rulings: Rulings, near: float, text_height: float) -> list[tuple[Segments, Segments]]:
    """Lines that cross or touch, directly or by way of others: the largest group first."""
    across, down = rulings.horizontal, rulings.vertical
    if len(across) < 2 or not len(down):
        return []
    y, x = across[:, :1], down[:, 0]
    meets = (x >= across[:, 1:2] - near) & (x <= across[:, 2:3] + near)
    meets &= (y >= down[:, 1] - near) & (y <= down[:, 2] + near)
    long = down[:, 2] - down[:, 1] >= LONG_UPRIGHT * text_height
    # The strokes of letters are short and hang in the air.
    starts = (meets & (abs(y - down[:, 1]) <= 1.5 * near)).any(axis=0)
    ends = (meets & (abs(y - down[:, 2]) <= 1.5 * near)).any(axis=0)
    meets[:, ~(long | (starts & ends))] = False
    groups = []
    left = set(np.flatnonzero(meets.any(axis=1)).tolist())
    while left:
        rows = np.zeros(len(across), bool)
        rows[left.pop()] = True
        while True:
            columns = meets[rows].any(axis=0)
            grown = meets[:, columns].any(axis=1)
            if np.array_equal(grown, rows):
                break
            rows = np.asarray(grown)
        left -= set(np.flatnonzero(rows).tolist())
        if rows.sum() > 1:
            groups.append((across[rows], down[columns]))
    return sorted(groups, key=lambda group: -(np.ptp(group[0][:, 0])))


def _grid(across: Segments, down: Segments, near: float, text_height: float) -> _Grid | None:
    ys, xs = _levels(across[:, 0], near), _levels(down[:, 0], near)
    left, right = float(np.median(across[:, 1])), float(np.median(across[:, 2]))
    if left < xs[0] - OPEN_SIDE * text_height:
        xs = np.concatenate([[left], xs])
    if right > xs[-1] + OPEN_SIDE * text_height:
        xs = np.concatenate([xs, [right]])
    rows, columns = len(ys) - 1, len(xs) - 1
    if rows < 1 or columns < 2 or max(rows, columns) > MOST_LINES:
        return None
    below = _drawn(across, ys[1:-1], xs, near)
    right_of = _drawn(down, xs[1:-1], ys, near)
    return _Grid(ys, xs, below, right_of.T)


def _levels(values: Numbers, near: float) -> Numbers:
    """Where lines lie; those closer than `near` are one."""
    ordered = np.sort(values)
    parts = np.split(ordered, np.flatnonzero(np.diff(ordered) > near) + 1)
    return np.array([part.mean() for part in parts])


def _drawn(segments: Segments, at: Numbers, stops: Numbers, near: float) -> NDArray[np.bool_]:
    """For each of `at` and each stretch between two stops: whether a line runs along it."""
    covered = np.zeros((len(at), len(stops) - 1))
    begin, end = stops[:-1], stops[1:]
    for position, first, last in segments:
        hit = np.abs(at - position) <= near
        if hit.any():
            covered[hit] += np.clip(np.minimum(end, last) - np.maximum(begin, first), 0, None)
    return np.asarray(covered >= SIDE_SHARE * (end - begin))


def _stands_in(box: Box, frame: Box, near: float) -> bool:
    middle = (box.x0 + box.x1) / 2
    beside = frame.x0 - near <= middle <= frame.x1 + near
    return beside and frame.y0 - near / 2 <= box.middle <= frame.y1 + near / 2


def _filled(grid: _Grid, box: Box, inside: Sequence[Piece]) -> Table | None:
    """The table; None where these lines frame something else."""
    cells = _spanning(grid)
    at = {
        (row, column): number
        for number, cell in enumerate(cells)
        for row in range(cell.row, cell.row + cell.rowspan)
        for column in range(cell.column, cell.column + cell.colspan)
    }
    held: dict[int, list[Piece]] = {}
    for piece in inside:
        row = _interval(grid.ys, piece.box.middle)
        edges = [
            float(x)
            for column, x in enumerate(grid.xs[1:-1])
            if at[row, column] != at[row, column + 1]
        ]
        for part in pieces_within(piece, edges):
            column = _interval(grid.xs, (part.box.x0 + part.box.x1) / 2)
            held.setdefault(at[row, column], []).append(part)
    lines = len({piece.line for piece in inside})
    crowded = lines > MOST_LINES_PER_CELL * max(1, len(held))
    if len(cells) < 2 or len(held) < max(2, LEAST_FILLED * len(cells)) or crowded:
        return None
    filled = [replace(cell, pieces=tuple(held.get(i, ()))) for i, cell in enumerate(cells)]
    return _without_empty(box, grid, filled)


def _interval(stops: Numbers, value: float) -> int:
    return int(np.clip(np.searchsorted(stops, value) - 1, 0, len(stops) - 2))


def _spanning(grid: _Grid) -> list[Cell]:
    """Cells of one or more units: those between which no line is drawn, squared up."""
    rows, columns = len(grid.ys) - 1, len(grid.xs) - 1
    owner = np.full((rows, columns), -1)
    cells: list[Cell] = []
    for row in range(rows):
        for column in range(columns):
            if owner[row, column] >= 0:
                continue
            right = column
            while right + 1 < columns and not grid.right[row, right] and owner[row, right + 1] < 0:
                right += 1
            low = row
            while (
                low + 1 < rows
                and not grid.below[low, column : right + 1].any()
                and not grid.right[low + 1, column:right].any()
                and (owner[low + 1, column : right + 1] < 0).all()
            ):
                low += 1
            owner[row : low + 1, column : right + 1] = len(cells)
            cells.append(Cell(row, column, low + 1 - row, right + 1 - column))
    return cells


def _without_empty(box: Box, grid: _Grid, cells: Sequence[Cell]) -> Table:
    """The table without rows and columns in which no cell begins (a line that was drawn twice)."""
    rows = sorted({cell.row for cell in cells})
    columns = sorted({cell.column for cell in cells})

    def squeezed(starts: Sequence[int], first: int, span: int) -> tuple[int, int]:
        covered = [i for i, start in enumerate(starts) if first <= start < first + span]
        return covered[0], len(covered)

    kept = []
    for cell in cells:
        row, rowspan = squeezed(rows, cell.row, cell.rowspan)
        column, colspan = squeezed(columns, cell.column, cell.colspan)
        kept.append(Cell(row, column, rowspan, colspan, cell.pieces))
    stops = [float(grid.ys[row]) for row in rows] + [float(grid.ys[-1])]
    boxes = tuple(Box(box.x0, a, box.x1, b) for a, b in pairwise(stops))
    return Table(box, len(rows), len(columns), tuple(kept), boxes)
