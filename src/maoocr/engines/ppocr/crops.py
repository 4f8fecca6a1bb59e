"""Pictures of single lines, straightened, at the one height that the recognizer takes."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from .geometry import Box
from .runtime import Images

__all__ = ["HEIGHT_PX", "MAX_WIDTH_PX", "STEP_PX", "Crop", "crop_line", "round_width"]

HEIGHT_PX = 48
STEP_PX = 8
"""Pixels of a crop for each step of the CTC output."""
MAX_WIDTH_PX = 1280
MOST_TAKEN = 0.25
"""Share of the grid by which a line may be narrower than it asked to be."""


def round_width(width: float) -> int:
    """The next of a few widths, or the one below if that takes little away.

    Each width that the recognizer meets first costs it 25 ms and 4 MB.
    """
    grid = 32 if width <= 128 else 64 if width <= 896 else 128
    return min(MAX_WIDTH_PX, max(grid, math.ceil(width / grid - MOST_TAKEN) * grid))


@dataclass(frozen=True, slots=True)
class Crop:
    """A line to read: its page, its box (first side: the text's top), how far to squeeze it."""

    page: Images
    box: Box
    squeeze: float = 1.0

    @property
    def aspect(self) -> float:
        """Length of the line in heights."""
        a, b, c, d = self.box
        length = max(math.dist(a, b), math.dist(c, d))
        return length / max(math.dist(a, d), math.dist(b, c), 1.0)

    @property
    def wanted_width(self) -> float:
        """Pixels that the line would fill at the recognizer's height."""
        return HEIGHT_PX * self.aspect * self.squeeze

    @property
    def width(self) -> int:
        """Pixels of the crop."""
        return round_width(self.wanted_width)

    def pixels(self) -> Images:
        return crop_line(self.page, self.box, self.width)


def crop_line(page: Images, box: Box, width: int, height: int = HEIGHT_PX) -> Images:
    """The pixels of a box, straightened, at this size."""
    x0, y0 = box[0]
    upright = abs(box[1, 1] - y0) < 1 and abs(box[3, 0] - x0) < 1 and box[1, 0] > x0
    if upright:
        left, top = max(0, round(float(x0))), max(0, round(float(y0)))
        right = max(left + 1, round(float(box[2, 0])))
        bottom = max(top + 1, round(float(box[2, 1])))
        part = page[top:bottom, left:right]
        if part.size:
            return _resize(part, width, height)
    length = float(np.linalg.norm(box[1] - box[0]))
    across = float(np.linalg.norm(box[3] - box[0]))
    shrink = max(length / width, across / height)
    grow = int(np.ceil(shrink)) if shrink > 2 else 1
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) * grow
    matrix = cv2.getPerspectiveTransform(box.astype(np.float32), target)
    part = cv2.warpPerspective(
        page,
        matrix,
        (width * grow, height * grow),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return part if grow == 1 else _resize(part, width, height)


def _resize(part: Images, width: int, height: int) -> Images:
    shrinks = part.shape[0] > height and part.shape[1] > width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (width, height), interpolation=how), dtype=np.uint8)
