"""What the writers need to know of where lines stand: boxes, baselines, paragraphs, words.

All in pixels of the upright page, origin at the top left, y down.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..domain import Polygon, TextLine, Word

__all__ = ["Box", "around", "baseline", "box_of", "paragraphs", "words_of"]


class Box(NamedTuple):
    """An upright rectangle: left, top, right, bottom."""

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


def box_of(polygon: Polygon) -> Box:
    """The smallest box around the polygon."""
    xs, ys = zip(*polygon, strict=True)
    return Box(min(xs), min(ys), max(xs), max(ys))


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box around at least one box."""
    x0s, y0s, x1s, y1s = zip(*boxes, strict=True)
    return Box(min(x0s), min(y0s), max(x1s), max(y1s))


def baseline(polygon: Polygon) -> tuple[float, float, float]:
    """The text's lower edge.

    Returns:
        Slope (y grows downwards), height of the edge above the bottom of the box where the box
        begins (0 or negative), and the angle in degrees, counter-clockwise, in -180..180. Slope and
        height only mean something up to about 45 degrees.
    """
    (x2, y2), (x3, y3) = polygon[2], polygon[3]
    angle_deg = math.degrees(math.atan2(y3 - y2, x2 - x3))
    if x2 <= x3:
        return 0.0, 0.0, angle_deg
    slope = (y2 - y3) / (x2 - x3)
    box = box_of(polygon)
    return slope, min(0.0, y3 + slope * (box.x0 - x3) - box.y1), angle_deg


def paragraphs(lines: Sequence[TextLine]) -> list[list[TextLine]]:
    """Lines in reading order, cut where one does not go on from those before it.

    Lines beside each other (a label and its value) make up one row, and it is rows that go on.
    """
    groups: list[list[TextLine]] = []
    row: Box | None = None
    for line in lines:
        box = box_of(line.polygon)
        if row and _in_one_row(row, box):
            groups[-1].append(line)
            row = around((row, box))
            continue
        if row and _goes_on(row, box):
            groups[-1].append(line)
        else:
            groups.append([line])
        row = box
    return groups


def _in_one_row(one: Box, other: Box) -> bool:
    small, large = sorted((one.height, other.height))
    return large <= 1.6 * small and _shared_rows(one, other) > 0.5 * small


def _goes_on(above: Box, below: Box) -> bool:
    small, large = sorted((above.height, below.height))
    shared_columns = min(above.x1, below.x1) - max(above.x0, below.x0)
    return (
        large <= 1.6 * small
        and shared_columns > 0
        and above.y0 < below.y0
        and -_shared_rows(above, below) <= 0.8 * small
    )


def _shared_rows(one: Box, other: Box) -> float:
    """Pixels of height that both have; negative for a gap between them."""
    return min(one.y1, other.y1) - max(one.y0, other.y0)


def words_of(line: TextLine) -> list[tuple[Word, bool]]:
    """The line's words, each with whether a blank stands before it.

    Returns:
        Nothing when the line has no words, or when they do not make up its whole text: then the
        line is better written as one piece than with a part missing.
    """
    found: list[tuple[Word, bool]] = []
    position = 0
    for word in line.words or ():
        at = line.text.find(word.text, position)
        between = line.text[position:at]
        if at < 0 or between.strip():
            return []
        found.append((word, bool(between) and bool(found)))
        position = at + len(word.text)
    return [] if line.text[position:].strip() else found
