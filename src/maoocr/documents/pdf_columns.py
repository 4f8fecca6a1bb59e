"""Columns of running text that a PDF's producer wrote straight across."""

from collections.abc import Sequence

__all__ = ["in_columns"]

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_MIN_ROWS = 5
_PROSE_LETTERS = 12


def in_columns(boxes: Sequence[Box], rows: Sequence[int], letters: Sequence[int]) -> list[int]:
    """The order in which to read the segments of a page.

    Segments of one row (a line as the document has it) that are split by the same vertical gap in
    at least five rows, with prose on both sides of it, are columns; short segments are the cells
    of a table, which is read row by row. A segment that spans a gap (a title, a wide figure's
    caption) ends the columns above it.

    Args:
        boxes: of the segments, in the document's order.
        rows: number of the row of each segment, not falling.
        letters: in each segment; digits and punctuation do not count.

    Returns:
        The indices of the segments, each once.
    """
    gutters = _gutters(boxes, rows, letters)
    if not gutters:
        return list(range(len(boxes)))
    order: list[int] = []
    band: list[int] = []
    for index, (left, _, right, _) in enumerate(boxes):
        if any(left < gutter < right for gutter in gutters):
            order += _by_column(band, boxes, gutters)
            band = []
            order.append(index)
        else:
            band.append(index)
    return order + _by_column(band, boxes, gutters)


def _by_column(band: list[int], boxes: Sequence[Box], gutters: list[float]) -> list[int]:
    return sorted(band, key=lambda index: sum(boxes[index][0] >= gutter for gutter in gutters))


def _gutters(boxes: Sequence[Box], rows: Sequence[int], letters: Sequence[int]) -> list[float]:
    """Abscissas of the gaps between columns, from left to right."""
    gaps = [
        (boxes[i][2], boxes[i + 1][0])
        for i in range(len(boxes) - 1)
        if rows[i] == rows[i + 1]
        and boxes[i + 1][0] > boxes[i][2]
        and min(letters[i], letters[i + 1]) >= _PROSE_LETTERS
    ]
    found: list[float] = []
    while len(gaps) >= _MIN_ROWS:
        middles = [(left + right) / 2 for left, right in gaps]
        best = max(middles, key=lambda x: sum(left < x < right for left, right in gaps))
        held = [gap for gap in gaps if gap[0] < best < gap[1]]
        if len(held) < _MIN_ROWS:
            break
        found.append((max(left for left, _ in held) + min(right for _, right in held)) / 2)
        gaps = [gap for gap in gaps if not gap[0] < best < gap[1]]
    return sorted(found)
