"""Which way up a page lies: asked of the page as a whole, by reading a few of its lines both ways.

A classifier per line turns upright lines over now and then; a page that reads well as it is, is
never touched.
"""

from collections import Counter

import cv2
import numpy as np
from numpy.typing import NDArray

from .crops import HEIGHT_PX, Crop, crop_line
from .ctc import Reading
from .geometry import Boxes, box_sizes, turn_image
from .runtime import Images

__all__ = [
    "SURE_SCORE",
    "agreement",
    "is_sideways",
    "is_tall",
    "laid_out",
    "runs_down",
    "sample_lines",
    "turned_down",
]

TALL_ASPECT = 1.5
SURE_SCORE = 0.85
SAMPLES = 6
MAX_LAID_OUT = 24


def is_tall(boxes: Boxes) -> NDArray[np.bool_]:
    """Which boxes are clearly higher than wide, so that their text runs up or down."""
    widths, heights = box_sizes(boxes)
    return np.asarray(heights >= TALL_ASPECT * widths)


def runs_down(boxes: Boxes) -> NDArray[np.bool_]:
    """Which boxes have a first side that is steeper than 45 degrees."""
    across = boxes[:, 1] - boxes[:, 0]
    return np.asarray(np.abs(across[:, 1]) > np.abs(across[:, 0]))


def is_sideways(boxes: Boxes) -> bool:
    """Whether most of the text, measured in characters, runs up or down the page."""
    if not len(boxes):
        return False
    widths, heights = box_sizes(boxes)
    weight = np.maximum(widths, heights) / np.maximum(np.minimum(widths, heights), 1)
    return bool(weight[runs_down(boxes)].sum() > 0.5 * weight.sum())


def sample_lines(boxes: Boxes, count: int = SAMPLES) -> list[int]:
    """Lines that say most about the page for the least work: long enough, of ordinary height."""
    widths, heights = box_sizes(boxes)
    long, short = np.maximum(widths, heights), np.maximum(np.minimum(widths, heights), 1)
    if not len(boxes):
        return []
    aspect = long / short
    usual = np.median(short)
    oddness = np.abs(np.log(aspect / 10)) + np.abs(np.log(short / max(usual, 1)))
    return [int(i) for i in np.argsort(oddness, kind="stable")[:count]]


def turned_down(boxes: Boxes) -> Boxes:
    """The same boxes for text that runs down the page: their right side is its top."""
    return np.roll(boxes, -1, axis=1)


def laid_out(column: Crop, reading: Reading) -> Images:
    """The characters of a line that runs down, as they stand on the page, side by side.

    The reading says where each character is. If it was vertical writing, this is the same text
    written horizontally; if the page lies on its side, these are characters lying on theirs.
    """
    length = max(HEIGHT_PX, column.width)
    strip = crop_line(column.page, column.box, length)
    centres = [glyph.centre * length for glyph in reading.glyphs]
    pitch = float(np.median(np.diff(centres))) if len(centres) > 1 else float(HEIGHT_PX)
    cells = []
    for centre in centres[:MAX_LAID_OUT]:
        start = int(max(0, min(length - 8, centre - pitch / 2)))
        cell = strip[:, start : max(start + 8, int(centre + pitch / 2))]
        upright = turn_image(np.ascontiguousarray(cell), 90)
        cells.append(cv2.resize(upright, (HEIGHT_PX, HEIGHT_PX), interpolation=cv2.INTER_LINEAR))
    return np.ascontiguousarray(np.concatenate(cells, axis=1))


def agreement(one: str, other: str) -> float:
    """Share of the characters of one text that are in the other, in 0..1."""
    common = sum((Counter(one) & Counter(other)).values())
    return common / max(len(one), 1)
