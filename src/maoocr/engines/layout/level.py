"""The lines of a page in a frame where its text runs level, and the way back to the page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...domain import Polygon, TextLine
from .boxes import Boxes
from .reading_order import page_slope

__all__ = ["Box", "Frame", "Piece", "around", "level_lines", "pieces_within", "split_at_gaps"]

LEVEL_RAD = math.radians(0.15)
"""A page that runs off by less is taken for level."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in the level frame: left, top, right, bottom."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def middle(self) -> float:
        return (self.y0 + self.y1) / 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A line, or a part of one.

    Attributes:
        line: its index on the page.
        text: of this part.
        box: around it.
        spans: of each word in it: from, to in `text`, left, right.
    """

    line: int
    text: str
    box: Box
    spans: tuple[tuple[int, int, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """How the level frame lies: turned about the origin by `slope` radians."""

    slope: float

    def back(self, box: Box) -> Polygon:
        """The rectangle on the page, clockwise from its top left."""
        cos, sin = math.cos(self.slope), math.sin(self.slope)
        corners = ((box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1))
        a, b, c, d = ((x * cos - y * sin, x * sin + y * cos) for x, y in corners)
        return a, b, c, d


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box around at least one box."""
    return Box(
        min(b.x0 for b in boxes),
        min(b.y0 for b in boxes),
        max(b.x1 for b in boxes),
        max(b.y1 for b in boxes),
    )


def level_lines(lines: Sequence[TextLine]) -> tuple[Frame, list[Piece]]:
    """Every line as one piece, in the order given."""
    boxes: Boxes = np.array([line.polygon for line in lines], np.float32).reshape(-1, 4, 2)
    slope = page_slope(boxes)
    frame = Frame(slope if abs(slope) > LEVEL_RAD else 0.0)
    level = _turned(boxes, frame.slope)
    low, high = level.min(axis=1), level.max(axis=1)
    pieces = []
    for index, line in enumerate(lines):
        (x0, y0), (x1, y1) = low[index].tolist(), high[index].tolist()
        box = Box(x0, y0, x1, y1)
        pieces.append(Piece(index, line.text, box, _spans(line, box, frame.slope)))
    return frame, pieces


def _turned(boxes: Boxes, slope: float) -> Boxes:
    cos, sin = math.cos(slope), math.sin(slope)
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.asarray(boxes.astype(np.float64) @ turn, np.float32)


def _spans(line: TextLine, box: Box, slope: float) -> tuple[tuple[int, int, float, float], ...]:
    """Where each word stands in the line's text and on the page; none if they are not its text."""
    found, position = [], 0
    cos, sin = math.cos(slope), math.sin(slope)
    for word in line.words or ():
        at = line.text.find(word.text, position)
        if at < 0 or line.text[position:at].strip():
            return ()
        along = [x * cos + y * sin for x, y in word.polygon]
        position = at + len(word.text)
        found.append((at, position, max(min(along), box.x0), min(max(along), box.x1)))
    return () if line.text[position:].strip() else tuple(found)


def split_at_gaps(piece: Piece, gap: float) -> list[Piece]:
    """Cut where two words are further apart than `gap` pixels."""
    cuts = [
        number
        for number in range(1, len(piece.spans))
        if piece.spans[number][2] - piece.spans[number - 1][3] > gap
    ]
    return _cut(piece, cuts) if cuts else [piece]


def pieces_within(piece: Piece, edges: Sequence[float]) -> list[Piece]:
    """Cut where a word begins beyond one of the `edges`, which run from left to right."""
    cuts, before = [], -1
    for number, (_, _, left, right) in enumerate(piece.spans):
        column = sum((left + right) / 2 > edge for edge in edges)
        if number and column > before:
            cuts.append(number)
        before = max(before, column)
    return _cut(piece, cuts) if cuts else [piece]


def _cut(piece: Piece, cuts: Sequence[int]) -> list[Piece]:
    parts = []
    for first, last in zip((0, *cuts), (*cuts, len(piece.spans)), strict=True):
        spans = piece.spans[first:last]
        start = spans[0][0] if first else 0
        end = piece.spans[last][0] if last < len(piece.spans) else len(piece.text)
        moved = tuple((a - start, b - start, x0, x1) for a, b, x0, x1 in spans)
        box = Box(
            spans[0][2] if first else piece.box.x0,
            piece.box.y0,
            spans[-1][3] if last < len(piece.spans) else piece.box.x1,
            piece.box.y1,
        )
        parts.append(Piece(piece.line, piece.text[start:end].rstrip(), box, moved))
    return parts
