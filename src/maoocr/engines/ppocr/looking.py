"""At which scale to look for text: a moderate one first, then closer or from further off.

The detector finds text whose boxes are 12 to some hundred pixels high. A page is not asked for its
size but for its text: a receipt is read at a third of its pixels, a newspaper at all of them.
"""

import math
from collections.abc import Callable

import cv2
import numpy as np

from ..base import Checkpoint, Threads
from .detection import Detector
from .geometry import Boxes, box_sizes
from .runtime import Images

__all__ = ["find_text"]

FIRST_PIXELS = 450_000
MAX_PIXELS = 6_000_000
MIN_TEXT_PX = 11.5
GOOD_TEXT_PX = 15.0
"""Height of a box at the scale of detection: the least that is found well, and a good one."""
MAX_LOOKS = 3
LARGEST_TEXT_PIXELS = 60_000
FAINT_RANGE = 96
"""Difference of the darkest and the lightest grey, of 255, below which a page counts as faint."""
BUSY_GREY = 16
MAX_UNEXPLAINED = 0.35

_NONE = np.empty((0, 4, 2), dtype=np.float32)

Look = Callable[[Images, float], Boxes]


def find_text(image: Images, detector: Detector, threads: Threads, checkpoint: Checkpoint) -> Boxes:
    """The boxes of all lines of an image, in its pixels."""

    def look(picture: Images, scale: float) -> Boxes:
        return detector.find(picture, scale, threads=threads, checkpoint=checkpoint)[0]

    area = image.shape[0] * image.shape[1]
    scale = min(1.0, math.sqrt(FIRST_PIXELS / area))
    largest = max(scale, math.sqrt(MAX_PIXELS / area))
    boxes = look(image, scale)
    for _ in range(MAX_LOOKS - 1):
        closer = min(largest, scale * _zoom(image, boxes, scale))
        if closer < 1.15 * scale:
            break
        boxes, scale = look(image, closer), closer
    return boxes if len(boxes) else _find_hidden(image, scale, look)


def _zoom(image: Images, boxes: Boxes, scale: float) -> float:
    """How much closer the next look should be; 1 if this one was close enough."""
    if len(boxes):
        text = small_text(boxes) * scale
        if text < MIN_TEXT_PX:
            return GOOD_TEXT_PX / max(text, 4.0)
    if scale < 0.5 and unexplained(image, boxes) > MAX_UNEXPLAINED:
        return 2.0
    return 1.0


def small_text(boxes: Boxes) -> float:
    """Height of the smaller text of a page: a quarter of its length is no higher."""
    widths, heights = box_sizes(boxes)
    short, long = np.minimum(widths, heights), np.maximum(widths, heights)
    order = np.argsort(short)
    passed = np.cumsum((long / np.maximum(short, 1))[order])
    return float(short[order][np.searchsorted(passed, passed[-1] / 4)])


def unexplained(image: Images, boxes: Boxes) -> float:
    """Share of the page's busy cells that lie in no box, in 0..1: perhaps text too small to see."""
    height, width = image.shape[:2]
    shrink = min(1.0, math.sqrt(4 * FIRST_PIXELS / (height * width)))
    size = (max(2, round(width * shrink)), max(2, round(height * shrink)))
    grey = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    edges = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    cells = cv2.resize(
        edges, (max(1, size[0] // 8), max(1, size[1] // 8)), interpolation=cv2.INTER_AREA
    )
    busy = cells > BUSY_GREY
    if busy.mean() < 0.01:
        return 0.0
    covered = np.zeros(busy.shape, dtype=np.uint8)
    scaled = boxes * np.array([busy.shape[1] / width, busy.shape[0] / height], np.float32)
    for box in np.round(scaled).astype(np.int32):
        cv2.fillPoly(covered, [box], 1)
    covered = cv2.dilate(covered, np.ones((3, 3), np.uint8))
    return float((busy & (covered == 0)).sum() / busy.sum())


def _find_hidden(image: Images, scale: float, look: Look) -> Boxes:
    """Look for what is overlooked otherwise: very large text, then very faint text."""
    height, width = image.shape[:2]
    sparse = image[:: max(1, height // 256), :: max(1, width // 256)]
    low, high = np.percentile(sparse, (1, 99))
    if image.max() == image.min():
        return _NONE
    far = math.sqrt(LARGEST_TEXT_PIXELS / (height * width))
    boxes = look(image, far) if far < 0.6 * scale else _NONE
    if not len(boxes) and 4 <= high - low <= FAINT_RANGE:
        clear = (image.astype(np.float32) - low) * (255 / (high - low))
        boxes = look(np.clip(clear, 0, 255).astype(np.uint8), scale)
    return boxes
