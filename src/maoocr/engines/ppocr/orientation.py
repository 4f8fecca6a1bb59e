"""Which way up a page lies: asked of the page as a whole, by reading a few of its lines both ways.

A classifier per line turns upright lines over now and then; a page that reads well as it is, is
never touched.
"""

import numpy as np
from numpy.typing import NDArray

from .geometry import Boxes, box_sizes

__all__ = [
    "SURE_SCORE",
    "is_sideways",
    "is_tall",
    "sample_lines",
    "turned_down",
    "turned_over",
    "turned_up",
]

TALL_ASPECT = 1.5
SURE_SCORE = 0.85
SAMPLES = 6


def is_tall(boxes: Boxes) -> NDArray[np.bool_]:
    """Which boxes are clearly higher than wide, so that their text runs up or down."""
    widths, heights = box_sizes(boxes)
    return np.asarray(heights >= TALL_ASPECT * widths)


def is_sideways(boxes: Boxes) -> bool:
    """Whether most of the text, measured in characters, runs up or down the page."""
    if not len(boxes):
        return False
    widths, heights = box_sizes(boxes)
    long, short = np.maximum(widths, heights), np.maximum(np.minimum(widths, heights), 1)
    weight = long / short
    tall = is_tall(boxes)
    return bool(weight[tall].sum() > 0.5 * weight.sum() and tall.any())


def sample_lines(boxes: Boxes, count: int = SAMPLES) -> list[int]:
    """Lines that say most about the page for the least work: long enough, of ordinary height."""
    widths, heights = box_sizes(boxes)
    long, short = np.maximum(widths, heights), np.maximum(np.minimum(widths, heights), 1)
    aspect = long / short
    usual = np.median(short)
    oddness = np.abs(np.log(aspect / 10)) + np.abs(np.log(short / max(usual, 1)))
    return [int(i) for i in np.argsort(oddness, kind="stable")[:count]]


def turned_down(boxes: Boxes) -> Boxes:
    """The same boxes for text that runs down the page: their right side is its top."""
    return np.roll(boxes, -1, axis=1)


def turned_up(boxes: Boxes) -> Boxes:
    """The same boxes for text that runs up the page: their left side is its top."""
    return np.roll(boxes, 1, axis=1)


def turned_over(boxes: Boxes) -> Boxes:
    """The same boxes for text that stands on its head."""
    return np.roll(boxes, 2, axis=1)
