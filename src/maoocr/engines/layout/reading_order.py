"""The order in which a person reads the lines of a page. Geometry only.

A recursive cut: where a gutter parts two columns of running text, the left column is read before
the right one; everything else (forms, tables, receipts) is read row by row. Running text is told
from the cells of a table by its lines, which fill their column. Vertical text is the same picture
turned by 90 degrees: its columns, right to left, are the rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .boxes import Boxes, box_angles, box_sizes

__all__ = ["page_slope", "reading_order", "regions"]

MIN_COLUMN_LINES = 3
FULL_LINE_SHARE = 0.8
"""A line fills its column when it is that share of the column's width."""
MIN_FULL_WIDTH = 0.6
MIN_LINE_ASPECT = 5.0
"""Narrower lines (in heights) are cells or labels, no running text."""
MIN_GUTTER_HEIGHTS = 0.5
BOX_MARGIN_HEIGHTS = 0.3
CANDIDATES = 256
MAX_NESTING = 2

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Lines:
    """Upright rectangles, in a frame where text runs to the right and lines go down."""

    left: Numbers
    right: Numbers
    top: Numbers
    bottom: Numbers

    def of(self, which: Indices) -> "_Lines":
        return _Lines(self.left[which], self.right[which], self.top[which], self.bottom[which])

    @property
    def middle(self) -> Numbers:
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> Numbers:
        return self.bottom - self.top

    @property
    def width(self) -> Numbers:
        return self.right - self.left


def page_slope(boxes: Boxes) -> float:
    """How far the lines of a page run downwards, in radians: the median, weighed by length."""
    if not len(boxes):
        return 0.0
    widths, heights = box_sizes(boxes)
    long = widths > 2 * heights
    if not long.any():
        return 0.0
    angles, weights = box_angles(boxes[long]), widths[long]
    order = np.argsort(angles)
    passed = np.cumsum(weights[order])
    return float(angles[order][np.searchsorted(passed, passed[-1] / 2)])


def reading_order(boxes: Boxes, *, vertical: bool = False) -> list[int]:
    """The numbers of the boxes in reading order.

    Args:
        boxes: shape (n, 4, 2), the first side of each is the top of its text.
        vertical: the page is set in columns of vertical text, read from right to left.
    """
    return [i for part in regions(boxes, vertical=vertical) for i in part]


def regions(boxes: Boxes, *, vertical: bool = False) -> list[list[int]]:
    """The columns of running text and what stands between them; arguments as `reading_order`.

    Returns:
        The numbers of the boxes of each region, in reading order.
    """
    if len(boxes) < 2:
        return [[i] for i in range(len(boxes))]
    slope = 0.0 if vertical else page_slope(boxes)
    turn = np.array([[np.cos(slope), -np.sin(slope)], [np.sin(slope), np.cos(slope)]])
    level = boxes.astype(np.float64) @ turn
    if vertical:
        level = np.stack([level[..., 1], -level[..., 0]], axis=-1)
    low, high = level.min(axis=1), level.max(axis=1)
    if not vertical:
        low, high = _without_slant(level, low, high)
    # The detector grows its boxes outwards, so that those beside a narrow gutter meet in it.
    margin = np.minimum(BOX_MARGIN_HEIGHTS * (high[:, 1] - low[:, 1]), (high[:, 0] - low[:, 0]) / 4)
    lines = _Lines(low[:, 0] + margin, high[:, 0] - margin, low[:, 1], high[:, 1])
    return [[int(i) for i in part] for part in _cut(lines, np.arange(len(boxes)))]


def _without_slant(level: Numbers, low: Numbers, high: Numbers) -> tuple[Numbers, Numbers]:
    """A line that is a little off the page's slope is as high as its text, not as its bounds."""
    height = np.linalg.norm(level[:, 3] - level[:, 0], axis=1)
    width = np.linalg.norm(level[:, 1] - level[:, 0], axis=1)
    slanted = (width > 2 * height) & (high[:, 1] - low[:, 1] > height)
    middle = (low[:, 1] + high[:, 1]) / 2
    low, high = low.copy(), high.copy()
    low[slanted, 1] = (middle - height / 2)[slanted]
    high[slanted, 1] = (middle + height / 2)[slanted]
    return low, high


def _cut(lines: _Lines, numbers: Indices) -> Iterator[Indices]:
    pending = [numbers]
    while pending:
        region = pending.pop()
        parts = _split(lines.of(region)) if len(region) > 2 * MIN_COLUMN_LINES - 1 else None
        if parts is None:
            yield region[_by_rows(lines.of(region))]
        else:
            pending.extend(region[part] for part in reversed(parts))


def _split(lines: _Lines, depth: int = MAX_NESTING) -> list[Indices] | None:
    """Cut at the gutter that parts the most running text: bands from the top, left before right."""
    best: tuple[float, list[Indices]] | None = None
    for gutter in _gutters(lines):
        gain, parts = _bands(lines, gutter, depth)
        if gain > 0 and (best is None or gain > best[0]):
            best = gain, parts
    return best[1] if best else None


def _gutters(lines: _Lines) -> list[float]:
    """Positions worth a look: right of some lines, left of some others, crossed by few."""
    starts = np.unique(lines.left)
    before = np.searchsorted(np.sort(lines.right), starts)
    starts = starts[before > 0]
    if not len(starts):
        return []
    if len(starts) > CANDIDATES:
        starts = starts[np.linspace(0, len(starts) - 1, CANDIDATES).astype(int)]
    at = starts - 1e-3
    crossing = ((lines.left < at[:, None]) & (lines.right > at[:, None])).sum(axis=1)
    left = (lines.right <= at[:, None]).sum(axis=1)
    right = (lines.left >= at[:, None]).sum(axis=1)
    balance = np.minimum(left, right) - crossing
    good = (np.minimum(left, right) >= MIN_COLUMN_LINES) & (balance > 0)
    ranked = at[good][np.argsort(-balance[good], kind="stable")]
    return [float(x) for x in ranked[:24]]


def _bands(lines: _Lines, gutter: float, depth: int) -> tuple[float, list[Indices]]:
    """Cut at the lines that cross the gutter; the gain is how many lines stand in columns."""
    crossing = (lines.left < gutter) & (lines.right > gutter)
    order = np.argsort(lines.middle, kind="stable")
    parts: list[Indices] = []
    gain = 0.0
    across: list[int] = []
    band: list[int] = []

    def close_band() -> None:
        nonlocal gain
        members = np.array(band, dtype=np.int64)
        is_left = lines.right[members] <= gutter
        left, right = members[is_left], members[~is_left]
        if _parts_columns(lines, left, right, depth):
            gain += len(members)
            if across:
                parts.append(np.array(across, dtype=np.int64))
                across.clear()
            parts.extend([left, right])
        else:
            across.extend(band)
        band.clear()

    for i in order.tolist():
        if crossing[i]:
            if band:
                close_band()
            across.append(i)
        else:
            band.append(i)
    if band:
        close_band()
    if across:
        parts.append(np.array(across, dtype=np.int64))
    return gain, parts


def _parts_columns(lines: _Lines, left: Indices, right: Indices, depth: int) -> bool:
    if min(len(left), len(right)) < MIN_COLUMN_LINES:
        return False
    height = _quantile(lines.height[np.concatenate([left, right])], 0.5)
    # Not the extremes: a line or two reach into the gutter, or were found together with a speck.
    gap = _quantile(lines.left[right], 0.1) - _quantile(lines.right[left], 0.9)
    return bool(
        gap >= MIN_GUTTER_HEIGHTS * height
        and _is_running_text(lines.of(left), depth)
        and _is_running_text(lines.of(right), depth)
    )


def _quantile(values: Numbers, share: float) -> float:
    """As numpy's, without its many checks: this is asked a thousand times for a page."""
    ordered = np.sort(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (at - low) * (ordered[high] - ordered[low]))


def _is_running_text(lines: _Lines, depth: int) -> bool:
    """Whether lines fill their column, or columns of their own.

    Numbers in the margin and short last lines weigh little.
    """
    width = lines.width
    aspect = width / np.maximum(lines.height, 1.0)
    long = aspect >= MIN_LINE_ASPECT
    if long.sum() < MIN_COLUMN_LINES or width[long].sum() < 0.6 * width.sum():
        return False
    extent = lines.right[long].max() - lines.left[long].min()
    full = width >= FULL_LINE_SHARE * extent
    if width[full].sum() >= MIN_FULL_WIDTH * width.sum():
        return True
    return depth > 0 and _split(lines, depth - 1) is not None


def _by_rows(lines: _Lines) -> Indices:
    """From the top, and from the left within a row; a row is what overlaps it by half a height."""
    order = np.argsort(lines.middle, kind="stable")
    middle, height = lines.middle, lines.height
    row_of = np.empty(len(order), dtype=np.int64)
    row, level, tall = -1, -np.inf, 0.0
    for i in order.tolist():
        if row < 0 or middle[i] - level > 0.5 * min(height[i], tall):
            row, level, tall = row + 1, middle[i], height[i]
        row_of[i] = row
    return np.lexsort((lines.left, row_of))
