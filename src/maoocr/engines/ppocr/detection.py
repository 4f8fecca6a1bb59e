"""Where the lines of text are: DB (Liao et al. 2020, arXiv:1911.08947) over a page of any size."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ..base import Checkpoint, Threads
from .geometry import Boxes, order_corners
from .runtime import Images, Network

__all__ = ["Detector", "Tile", "boxes_from_map", "fit_canvas", "plan_tiles"]

CELL_PX = 32
"""The network halves its input five times, so sizes are multiples of this."""

TILE_PIXELS = 245_000
"""A larger input is cut: activations take about 260 bytes a pixel, and tiles run side by side."""

OVERLAP_PX = 32
COLUMN_PENALTY = 0.1

PIXEL_THRESHOLD = 0.3
BOX_THRESHOLD = 0.5
UNCLIP_RATIO = 1.6
MIN_SIDE_PX = 3

ProbabilityMap = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of the map: what the network sees, and the part within it that is kept."""

    top: int
    left: int
    height: int
    width: int
    keep_top: int
    keep_bottom: int
    keep_left: int
    keep_right: int


def round_side(length: float) -> int:
    """The nearest of a few lengths: each size that the network meets first costs it 50 ms."""
    grid = CELL_PX if length <= 256 else 2 * CELL_PX if length <= 512 else 4 * CELL_PX
    return max(CELL_PX, round(length / grid) * grid)


def fit_canvas(height: float, width: float) -> tuple[int, int]:
    """A size of rounded sides near this one, of about the same shape."""

    def distortion(size: tuple[int, int]) -> float:
        across, down = size[1] / width, size[0] / height
        return abs(math.log(across / down)) + 0.3 * abs(math.log(across * down))

    factors = (0.92, 0.96, 1.0, 1.04, 1.08)
    return min(((round_side(height * f), round_side(width * f)) for f in factors), key=distortion)


def plan_tiles(height: int, width: int, max_pixels: int = TILE_PIXELS) -> list[Tile]:
    """Cover a canvas by overlapping tiles of one size, with few pixels in all and few columns.

    A seam between columns cuts lines of text, one between rows seldom does.
    """
    least = max(1, -(-width * 2 * CELL_PX // max_pixels))
    grids = [(_rows(height, width, n, max_pixels), n) for n in range(least, least + 4)]
    rows, columns = min(
        grids,
        key=lambda grid: (
            (1 + COLUMN_PENALTY * grid[1])
            * (grid[0] * _part(height, grid[0]) * grid[1] * _part(width, grid[1]))
        ),
    )
    return [
        Tile(top, left, tile_h, tile_w, keep_top, keep_bottom, keep_left, keep_right)
        for top, tile_h, keep_top, keep_bottom in _spans(height, rows)
        for left, tile_w, keep_left, keep_right in _spans(width, columns)
    ]


def _rows(height: int, width: int, columns: int, max_pixels: int) -> int:
    """How many rows bring tiles of that many columns to at most so many pixels."""
    allowed = max(2 * CELL_PX, max_pixels // _part(width, columns) // CELL_PX * CELL_PX)
    return 1 if height <= allowed else -(-(height - OVERLAP_PX) // (allowed - OVERLAP_PX))


def _part(length: int, parts: int) -> int:
    """Length of each of so many overlapping parts."""
    return min(length, -(-(length + (parts - 1) * OVERLAP_PX) // (parts * CELL_PX)) * CELL_PX)


def _spans(length: int, parts: int) -> list[tuple[int, int, int, int]]:
    """Start and length of each part, and from where to where it is kept."""
    size = _part(length, parts)
    starts = [i * (length - size) // max(1, parts - 1) for i in range(parts)]
    seams = [(start + size + after) // 2 for start, after in pairwise(starts)]
    edges = [0, *seams, length]
    return [(a, size, b, c) for a, (b, c) in zip(starts, pairwise(edges), strict=True)]


def boxes_from_map(
    probabilities: ProbabilityMap, checkpoint: Checkpoint = lambda: None
) -> tuple[Boxes, NDArray[np.float32]]:
    """The boxes of a probability map (h, w), grown back to the size of the text, and their scores.

    The network marks a shrunken kernel of each line; DB grows it by area x ratio / perimeter. For a
    rectangle that is the same rectangle with each side moved outwards by that distance.
    """
    mask = (probabilities > PIXEL_THRESHOLD).astype(np.uint8)
    mask = cv2.dilate(mask, np.ones((2, 2), np.uint8))
    contours, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    corners: list[NDArray[np.float32]] = []
    scores: list[float] = []
    for number, contour in enumerate(contours):
        if number % 256 == 255:
            checkpoint()
        if hierarchy[0, number, 3] >= 0:
            continue
        centre, (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < MIN_SIDE_PX:
            continue
        score = _mean_inside(probabilities, cv2.boxPoints((centre, (width, height), angle)))
        if score < BOX_THRESHOLD:
            continue
        grow = 2 * width * height * UNCLIP_RATIO / (2 * (width + height))
        corners.append(cv2.boxPoints((centre, (width + grow, height + grow), angle)))
        scores.append(score)
    boxes = np.array(corners, dtype=np.float32).reshape(-1, 4, 2)
    return order_corners(boxes), np.array(scores, dtype=np.float32)


def _mean_inside(probabilities: ProbabilityMap, corners: NDArray[np.float32]) -> float:
    height, width = probabilities.shape
    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width - 1, height - 1))
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, (width - 1, height - 1))
    region = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), dtype=np.uint8)
    cv2.fillPoly(region, [(corners - low).astype(np.int32)], 1)
    part = probabilities[low[1] : high[1] + 1, low[0] : high[0] + 1]
    return float(cv2.mean(part, region)[0])


class Detector:
    """Finds the boxes of text lines on a page."""

    def __init__(self, network: Network, batch_images: int = 1) -> None:
        self._network = network
        self._batch_images = batch_images

    def find(
        self, page: Images, scale: float, *, threads: Threads, checkpoint: Checkpoint
    ) -> tuple[Boxes, NDArray[np.float32]]:
        """Boxes in pixels of the page and their scores, looking at it at this scale."""
        probabilities, fit = self.probabilities(page, scale, threads=threads, checkpoint=checkpoint)
        boxes, scores = boxes_from_map(probabilities, checkpoint)
        height, width = page.shape[:2]
        real = boxes / np.array(fit, dtype=np.float32)
        return np.clip(real, 0, np.array([width, height], np.float32)), scores

    def probabilities(
        self, page: Images, scale: float, *, threads: Threads, checkpoint: Checkpoint
    ) -> tuple[ProbabilityMap, tuple[float, float]]:
        """The map of a page and its real scale in x and y."""
        height, width = page.shape[:2]
        canvas_h, canvas_w = fit_canvas(height * scale, width * scale)
        shrinks = canvas_h < height and canvas_w < width
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        picture = cv2.resize(page, (canvas_w, canvas_h), interpolation=how)
        tiles = plan_tiles(canvas_h, canvas_w)

        size = self._batch_images

        def batches() -> Iterator[Images]:
            for first in range(0, len(tiles), size):
                parts = [
                    picture[t.top : t.top + t.height, t.left : t.left + t.width]
                    for t in tiles[first : first + size]
                ]
                yield np.stack(parts)

        outputs = self._network.infer(batches(), threads=threads, checkpoint=checkpoint)
        found = [tile for (output, *_) in outputs for tile in output]
        whole = np.empty((canvas_h, canvas_w), dtype=np.float32)
        for t, tile in zip(tiles, found, strict=True):
            rows = slice(t.keep_top - t.top, t.keep_bottom - t.top)
            columns = slice(t.keep_left - t.left, t.keep_right - t.left)
            whole[t.keep_top : t.keep_bottom, t.keep_left : t.keep_right] = tile[0, rows, columns]
        return whole, (canvas_w / width, canvas_h / height)
