"""The ruling lines of a page, found in its ink by morphology."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .ink import LevelInk

__all__ = ["NO_RULINGS", "Rulings", "Segments", "find_rulings"]

LEAST_RUNS = (2.0, 0.9)
"""Shortest horizontal and vertical run that is a ruling, in heights of the text."""
LEAST_PX = 12
MOST_SEGMENTS = 2000
"""More of them are a texture."""
MAX_THICKNESS = 0.6
"""In heights of the text; what is thicker and level is a band, whose edges count."""
MAX_BAND = 4.0

Segments = NDArray[np.float64]
"""Shape (n, 3): where it lies across, where it begins, where it ends; in pixels."""


@dataclass(frozen=True, slots=True)
class Rulings:
    """Horizontal ones lie at y and run from x to x, vertical ones at x from y to y."""

    horizontal: Segments
    vertical: Segments


NO_RULINGS = Rulings(np.empty((0, 3)), np.empty((0, 3)))


def find_rulings(ink: LevelInk, text_height: float) -> Rulings:
    """The straight dark lines of a page, in its level frame.

    Args:
        ink: of the page.
        text_height: the usual height of a line of text, in pixels.
    """
    height = text_height / ink.step
    across, down = (max(LEAST_PX, round(runs * height)) for runs in LEAST_RUNS)
    x, y = ink.shift
    return Rulings(
        (_across(ink.mask, across, height) - [y, x, x]) * ink.step,
        (_down(ink.mask, down, height) - [x, y, y]) * ink.step,
    )


def _across(mask: NDArray[np.uint8], run: int, text_height: float) -> Segments:
    left, top, width, height = _boxes(mask, (run, 1)).T
    thin = height <= np.maximum(4.0, MAX_THICKNESS * text_height)
    lines = np.stack([top + height / 2, left, left + width], axis=1)[thin]
    band = ~thin & (height <= MAX_BAND * text_height) & (width > 2 * run)
    ends = (left + width)[band]
    upper = np.stack([top[band], left[band], ends], axis=1)
    lower = np.stack([(top + height)[band], left[band], ends], axis=1)
    return np.concatenate([lines, upper, lower])


def _down(mask: NDArray[np.uint8], run: int, text_height: float) -> Segments:
    left, top, width, height = _boxes(mask, (1, run)).T
    thin = width <= np.maximum(4.0, MAX_THICKNESS * text_height)
    return np.asarray(np.stack([left + width / 2, top, top + height], axis=1)[thin])


def _boxes(mask: NDArray[np.uint8], run: tuple[int, int]) -> Segments:
    """Around each run of ink that is at least so wide and high: left, top, width, height."""
    kernel = np.ones((run[1], run[0]), np.uint8)
    kept = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
    found, _ = cv2.findContours(kept, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not 0 < len(found) <= MOST_SEGMENTS:
        return np.empty((0, 4))
    return np.array([cv2.boundingRect(contour) for contour in found], np.float64)
