from collections.abc import Iterable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from maoocr.engines.base import Checkpoint, Threads, fixed_threads
from maoocr.engines.ppocr.detection import (
    CELL_PX,
    OVERLAP_PX,
    TILE_PIXELS,
    Detector,
    boxes_from_map,
    fit_canvas,
    plan_tiles,
)
from maoocr.engines.ppocr.runtime import Images, Outputs

sides = st.integers(1, 120).map(lambda n: n * CELL_PX)


def kernels(
    *rectangles: tuple[float, float, float, float], degrees: float = 0.0
) -> NDArray[np.float32]:
    """A probability map with a solid kernel for each (centre x, centre y, width, height)."""
    picture = np.zeros((320, 640), np.float32)
    for x, y, width, height in rectangles:
        corners = cv2.boxPoints(((x, y), (width, height), degrees))
        cv2.fillPoly(picture, [np.round(corners).astype(np.int32)], 0.9)
    return picture


@given(sides, sides)
@settings(deadline=None)
def test_the_kept_parts_of_tiles_cover_the_canvas_exactly_once(height: int, width: int) -> None:
    seen = np.zeros((height // 4, width // 4), np.uint8)
    for t in plan_tiles(height, width):
        assert t.top <= t.keep_top < t.keep_bottom <= t.top + t.height <= height
        assert t.left <= t.keep_left < t.keep_right <= t.left + t.width <= width
        assert t.height % CELL_PX == 0
        assert t.width % CELL_PX == 0
        # Seams lie anywhere, the canvas is sampled at every fourth pixel.
        rows = slice(-(-t.keep_top // 4), -(-t.keep_bottom // 4))
        seen[rows, -(-t.keep_left // 4) : -(-t.keep_right // 4)] += 1
    assert (seen == 1).all()


@given(sides, sides)
@settings(deadline=None)
def test_tiles_stay_small_and_all_of_one_size(height: int, width: int) -> None:
    tiles = plan_tiles(height, width)
    assert len({(t.height, t.width) for t in tiles}) == 1
    assert tiles[0].height * tiles[0].width <= TILE_PIXELS
    assert sum(t.height * t.width for t in tiles) <= 1.7 * height * width


def test_tiles_see_beyond_what_they_keep() -> None:
    first, second, *_ = plan_tiles(1280, 640)
    assert first.top + first.height - first.keep_bottom >= OVERLAP_PX // 2 - 1
    assert second.keep_top - second.top >= OVERLAP_PX // 2 - 1


@given(st.floats(0.1, 9000), st.floats(0.1, 9000))
def test_the_canvas_is_near_the_size_asked_for_and_in_whole_cells(height: int, width: int) -> None:
    canvas_h, canvas_w = fit_canvas(height, width)
    assert canvas_h % CELL_PX == canvas_w % CELL_PX == 0
    assert canvas_h >= CELL_PX
    assert canvas_w >= CELL_PX
    if min(height, width) > 64:
        assert 0.7 < canvas_h / height < 1.4
        assert 0.7 < canvas_w / width < 1.4


def test_many_sizes_of_page_share_few_sizes_of_canvas() -> None:
    canvases = {fit_canvas(800 + i, 560 + j) for i in range(0, 60, 5) for j in range(0, 60, 5)}
    assert len(canvases) <= 4


@pytest.mark.parametrize("degrees", [0.0, 3.0, -12.0, 30.0])
def test_boxes_are_those_of_rapidocr(degrees: float) -> None:
    reference = pytest.importorskip("rapidocr.ch_ppocr_det.utils").DBPostProcess(
        thresh=0.3, box_thresh=0.5, max_candidates=1000, unclip_ratio=1.6, use_dilation=True
    )
    probabilities = kernels(
        (120, 80, 160, 14), (420, 90, 200, 22), (320, 230, 90, 9), degrees=degrees
    )
    expected, _ = reference(probabilities[np.newaxis, np.newaxis], probabilities.shape)
    boxes, scores = boxes_from_map(probabilities)
    assert len(boxes) == len(expected) == 3
    assert (scores > 0.5).all()
    by_x = np.argsort(boxes[:, 0, 0])
    assert boxes[by_x] == pytest.approx(expected[np.argsort(expected[:, 0, 0])], abs=2.5)


def test_weak_and_tiny_kernels_are_no_text() -> None:
    weak = kernels((120, 80, 160, 14)) * 0.45
    tiny = np.zeros((320, 640), np.float32)
    tiny[80, 120] = 0.9
    assert len(boxes_from_map(weak)[0]) == len(boxes_from_map(tiny)[0]) == 0


def test_a_hole_in_a_kernel_is_no_box_of_its_own() -> None:
    ring = kernels((200, 150, 200, 100))
    ring[130:170, 120:280] = 0
    assert len(boxes_from_map(ring)[0]) <= 1


def test_thousands_of_kernels_are_interruptible() -> None:
    checks: list[int] = []
    speckled = np.zeros((600, 600), np.float32)
    speckled[::6, ::6] = speckled[1::6, ::6] = speckled[::6, 1::6] = 0.9
    boxes_from_map(speckled, lambda: checks.append(1))
    assert len(checks) >= 20


class InkNetwork:
    """Marks dark pixels as text, whatever tile they are in."""

    def infer(
        self, batches: Iterable[Images], *, threads: Threads, checkpoint: Checkpoint
    ) -> list[Outputs]:
        outputs: list[Outputs] = []
        for batch in batches:
            outputs.append(((batch[..., 0] < 128).astype(np.float32)[:, np.newaxis],))
            checkpoint()
        return outputs


@pytest.mark.parametrize("size", [(200, 300), (1600, 1200), (60, 12_000), (9, 40)])
@pytest.mark.parametrize("batch_images", [1, 4])
def test_the_map_of_a_page_is_seamless_and_in_its_own_pixels(
    size: tuple[int, int], batch_images: int
) -> None:
    page = np.full((*size, 3), 255, np.uint8)
    top, bottom = size[0] // 3, 2 * size[0] // 3 + 1
    page[top:bottom, size[1] // 8 : -size[1] // 8] = 0
    detector = Detector(InkNetwork(), batch_images)
    probabilities, (fit_x, fit_y) = detector.probabilities(
        page, 1.0, threads=fixed_threads(1), checkpoint=lambda: None
    )
    ys, xs = np.nonzero(probabilities > 0.5)
    assert ys.min() / fit_y == pytest.approx(top, abs=2)
    assert (ys.max() + 1) / fit_y == pytest.approx(bottom, abs=2)
    assert xs.min() / fit_x == pytest.approx(size[1] // 8, abs=2)
    inside = probabilities[ys.min() + 1 : ys.max(), xs.min() + 1 : xs.max()]
    assert (inside > 0.5).all()


def test_boxes_lie_within_the_page() -> None:
    page = np.zeros((100, 200, 3), np.uint8)
    found = Detector(InkNetwork()).find(
        page, 1.0, threads=fixed_threads(1), checkpoint=lambda: None
    )
    boxes = found[0]
    assert len(boxes) == 1
    assert boxes.min() >= 0
    assert boxes[..., 0].max() <= 200
    assert boxes[..., 1].max() <= 100
