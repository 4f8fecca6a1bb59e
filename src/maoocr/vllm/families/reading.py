"""What all parsers of answers share: a bounded list of blocks, flags, and boxes in fractions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ...domain import PageFlag, Point, Polygon
from .base import Parsed, ParsedBlock

__all__ = ["MOST_BLOCKS", "Reading", "box_of", "hull_of", "polygon_of", "sound_text"]

MOST_BLOCKS = 5_000
MOST_BLOCK_CHARS = 100_000
SLACK = 0.02
"""Models miss the edge of a picture by a little; further out is a fault worth a flag."""

_UNSOUND = {
    code: None for code in (*range(32), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A)
} | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def sound_text(text: str) -> str:
    """Without control characters and halves of surrogate pairs, which no UTF-8 can hold."""
    if text.isascii() and text.isprintable():
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_UNSOUND)


@dataclass(slots=True)
class Reading:
    """An answer while it is read."""

    blocks: list[ParsedBlock] = field(default_factory=list)
    flags: list[PageFlag] = field(default_factory=list)

    def flag(self, *flags: PageFlag) -> None:
        """Note what is wrong, once."""
        self.flags += [flag for flag in dict.fromkeys(flags) if flag not in self.flags]

    def add(self, block: ParsedBlock) -> None:
        """Append a block that says something or stands somewhere.

        What a model says of a picture stands nowhere on the page and goes.
        """
        if block.kind == "figure":
            block = replace(block, text="")
        elif not (block.text or block.html or block.latex or block.box):
            return
        if len(self.blocks) >= MOST_BLOCKS or len(block.text) > MOST_BLOCK_CHARS:
            self.flag("malformed")
        if len(self.blocks) < MOST_BLOCKS:
            self.blocks.append(replace(block, text=block.text[:MOST_BLOCK_CHARS]))

    def extend(self, other: "Reading") -> None:
        """Append what was read in a part of the answer."""
        self.flag(*other.flags)
        for block in other.blocks:
            self.add(block)

    def done(self, *, turn_deg: int | None = None, language: str = "") -> Parsed:
        """What was read."""
        return Parsed(tuple(self.blocks), tuple(self.flags), turn_deg, language)


def box_of(values: Sequence[float], width: float, height: float) -> tuple[Polygon | None, bool]:
    """A rectangle as four points in fractions, and whether the numbers were sound.

    Args:
        values: left, top, right, bottom; a swapped pair is put right.
        width: of the frame that the numbers refer to.
        height: of that frame.

    Returns:
        No rectangle where it has no area inside the frame. Points outside are moved to the edge.
    """
    if len(values) != 4 or not all(math.isfinite(value) for value in values):
        return None, False
    if width <= 0 or height <= 0:
        return None, False
    xs = sorted((values[0] / width, values[2] / width))
    ys = sorted((values[1] / height, values[3] / height))
    is_sound = all(-SLACK <= value <= 1 + SLACK for value in (*xs, *ys))
    (left, right), (top, bottom) = map(_clamped, xs), map(_clamped, ys)
    if left >= right or top >= bottom:
        return None, False
    return ((left, top), (right, top), (right, bottom), (left, bottom)), is_sound


def polygon_of(values: Sequence[float], width: float, height: float) -> tuple[Polygon | None, bool]:
    """Four points (x and y in turn) in fractions, and whether the numbers were sound.

    Args:
        values: eight numbers, clockwise from the text's top left.
        width: of the frame that the numbers refer to.
        height: of that frame.

    Returns:
        No polygon where it has no extent inside the frame.
    """
    if len(values) != 8 or not all(math.isfinite(value) for value in values):
        return None, False
    if width <= 0 or height <= 0:
        return None, False
    xs = [value / width for value in values[0::2]]
    ys = [value / height for value in values[1::2]]
    is_sound = all(-SLACK <= value <= 1 + SLACK for value in (*xs, *ys))
    a, b, c, d = ((_clamped(x), _clamped(y)) for x, y in zip(xs, ys, strict=True))
    points = (a, b, c, d)
    if _extent(points, 0) <= 0 or _extent(points, 1) <= 0:
        return None, False
    return points, is_sound


def hull_of(boxes: Sequence[Polygon]) -> Polygon | None:
    """The upright rectangle around boxes; None without any."""
    points = [point for box in boxes for point in box]
    if not points:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _clamped(value: float) -> float:
    return min(1.0, max(0.0, value))


def _extent(points: Sequence[Point], axis: int) -> float:
    values = [point[axis] for point in points]
    return max(values) - min(values)
