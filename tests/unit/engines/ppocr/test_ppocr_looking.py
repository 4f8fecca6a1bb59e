import numpy as np
import pytest
from numpy.typing import NDArray

from maoocr.engines.base import Checkpoint, Threads, fixed_threads
from maoocr.engines.ppocr.detection import Detector
from maoocr.engines.ppocr.looking import MAX_PIXELS, find_text, small_text, unexplained

Page = NDArray[np.uint8]
Corners = list[list[float]]


def box(x: float, y: float, width: float, height: float) -> Corners:
    return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]


class ScaleDetector(Detector):
    """Finds the lines of a page whose height at the scale of the look is within its reach."""

    def __init__(self, lines: list[Corners], least: float = 8.0, most: float = 300.0) -> None:
        self.lines = np.array(lines, np.float32).reshape(-1, 4, 2)
        self.least, self.most = least, most
        self.scales: list[float] = []

    def find(
        self, page: Page, scale: float, *, threads: Threads, checkpoint: Checkpoint
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.scales.append(scale)
        heights = (self.lines[:, 3, 1] - self.lines[:, 0, 1]) * scale
        seen = (heights >= self.least) & (heights <= self.most)
        return self.lines[seen], np.ones(int(seen.sum()), np.float32)


def look(detector: ScaleDetector, page: Page) -> NDArray[np.float32]:
    return find_text(page, detector, fixed_threads(1), lambda: None)


def blank(height: int, width: int) -> Page:
    return np.full((height, width, 3), 255, np.uint8)


def test_ordinary_text_is_found_at_the_first_look() -> None:
    detector = ScaleDetector([box(100, y, 800, 30) for y in range(100, 1500, 50)])
    assert len(look(detector, blank(1754, 1240))) == 28
    assert len(detector.scales) == 1


def test_small_text_is_looked_at_more_closely() -> None:
    detector = ScaleDetector([box(100, y, 800, 20) for y in range(100, 1500, 30)])
    assert len(look(detector, blank(1754, 1240))) == 47
    first, second = detector.scales
    assert second > 1.15 * first


def test_a_small_image_is_enlarged_when_its_text_is_tiny() -> None:
    detector = ScaleDetector([box(2, 2, 50, 9)])
    look(detector, blank(13, 60))
    assert detector.scales[0] == 1.0
    assert detector.scales[-1] > 1.3


def test_text_that_the_first_look_cannot_see_is_noticed_by_its_edges() -> None:
    page = blank(5000, 4000)
    lines = []
    for y in range(100, 4900, 60):
        page[y + 8 : y + 32, 100:3900:16] = 0
        page[y + 8 : y + 32, 104:3900:16] = 0
        lines.append(box(100, y, 3800, 40))
    detector = ScaleDetector(lines, least=9.0)
    assert len(look(detector, page)) == len(lines)


def test_a_huge_headline_is_found_from_further_off() -> None:
    page = blank(3000, 4000)
    page[800:2300, 500:3500] = 0
    detector = ScaleDetector([box(400, 700, 3200, 1800)])
    assert len(look(detector, page)) == 1
    assert detector.scales[-1] < detector.scales[0]


def test_a_blank_page_is_looked_at_once() -> None:
    detector = ScaleDetector([])
    assert len(look(detector, blank(1754, 1240))) == 0
    assert len(detector.scales) == 1


def test_a_faint_page_is_looked_at_again_with_more_contrast() -> None:
    seen: list[int] = []

    class Contrast(ScaleDetector):
        def find(
            self, page: Page, scale: float, *, threads: Threads, checkpoint: Checkpoint
        ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            seen.append(int(page.max()) - int(page.min()))
            return super().find(page, scale, threads=threads, checkpoint=checkpoint)

    page = np.full((300, 400, 3), 200, np.uint8)
    page[100:200, 50:350] = 190
    original = page.copy()
    look(Contrast([]), page)
    assert seen[0] == 10
    assert seen[-1] == 255
    assert (page == original).all()


def test_no_look_is_larger_than_the_limit() -> None:
    detector = ScaleDetector([box(0, y, 900, 5) for y in range(0, 9000, 12)], least=0.1)
    look(detector, blank(9000, 9000))
    assert all(scale**2 * 81e6 <= MAX_PIXELS * 1.001 for scale in detector.scales)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3)])
def test_the_oddest_pages_are_looked_at(size: tuple[int, int]) -> None:
    page = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    assert len(look(ScaleDetector([]), page)) == 0


def test_small_text_is_the_smaller_quarter_by_length() -> None:
    page = np.array([box(0, 0, 1000, 40)] + [box(0, 0, 300, 10)] * 4, np.float32)
    assert small_text(page) == 10
    assert small_text(page[:1]) == 40


def test_edges_inside_boxes_are_explained() -> None:
    page = blank(2000, 2000)
    page[500:540:8, 200:1800] = 0
    inside = np.array([box(190, 490, 1620, 60)], np.float32)
    assert unexplained(page, inside) == 0.0 or unexplained(page, inside) < 0.1
    page[::16] = 0
    assert unexplained(page, inside) > 0.8
