"""What is darker than its surroundings on a page: rulings and the strokes of letters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .level import Box

__all__ = ["LevelInk", "level_ink", "stroke_widths"]

MAX_SIDE_PX = 2600
"""Larger pictures are looked at in a smaller size; what is dark and thin stays."""
CONTRAST = 12
WINDOW_PX = 25


@dataclass(frozen=True, slots=True)
class LevelInk:
    """A mask in the level frame.

    Attributes:
        mask: 255 where there is ink, else 0.
        step: pixels of the page for each of the mask.
        shift: where the page's origin lies in the mask, as x, y.
    """

    mask: NDArray[np.uint8]
    step: int
    shift: tuple[float, float]


def level_ink(image: NDArray[np.uint8], slope: float) -> LevelInk:
    """The ink of a page.

    Args:
        image: RGB, shape (H, W, 3).
        slope: by which the page's text runs downwards, in radians.
    """
    grey = np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), np.uint8)
    step = math.ceil(max(grey.shape) / MAX_SIDE_PX)
    if step > 1:
        grey = np.asarray(cv2.erode(grey, np.ones((step, step), np.uint8)), np.uint8)
        grey = np.ascontiguousarray(grey[::step, ::step])
    shift = (0.0, 0.0)
    if slope:
        grey, shift = _turned(grey, slope)
    mask = cv2.adaptiveThreshold(
        grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, WINDOW_PX, CONTRAST
    )
    return LevelInk(np.asarray(mask, np.uint8), step, shift)


def _turned(grey: NDArray[np.uint8], slope: float) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """The picture turned so that its text runs level, and where the old origin lies in it."""
    height, width = grey.shape
    turn = np.array([[math.cos(slope), math.sin(slope)], [-math.sin(slope), math.cos(slope)]])
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ turn.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    wide, tall = (math.ceil(side) for side in high - low)
    moved = np.column_stack([turn, -low])
    level = cv2.warpAffine(grey, moved, (wide, tall), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(level, np.uint8), (float(-low[0]), float(-low[1]))


def stroke_widths(ink: LevelInk, boxes: Sequence[Box]) -> NDArray[np.float64]:
    """How thick the strokes in each box are, in pixels of the page; 0 where there is no ink.

    Ink over its contour: a stroke that is w wide has two pixels of contour for w of ink.
    """
    if not boxes:
        return np.empty(0)
    inner = cv2.erode(ink.mask, np.ones((3, 3), np.uint8))
    area, core = (cv2.integral(mask) for mask in (ink.mask, inner))
    bounds = np.array([(b.x0, b.y0, b.x1, b.y1) for b in boxes]) / ink.step
    bounds += np.array([*ink.shift, *ink.shift])
    height, width = ink.mask.shape
    x0, x1 = (np.clip(bounds[:, i], 0, width).astype(int) for i in (0, 2))
    y0, y1 = (np.clip(bounds[:, i], 0, height).astype(int) for i in (1, 3))

    def total(sums: NDArray[np.int32]) -> NDArray[np.float64]:
        corners = sums[y1, x1].astype(np.float64) - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
        return np.asarray(corners)

    whole, inside = total(np.asarray(area)), total(np.asarray(core))
    return np.asarray(2 * whole / np.maximum(whole - inside, 1.0) * (whole > 0) * ink.step)
