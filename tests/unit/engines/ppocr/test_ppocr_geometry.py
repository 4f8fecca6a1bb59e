import numpy as np
import pytest
from numpy.typing import NDArray

from maoocr.engines.ppocr.geometry import box_angles, box_sizes, order_corners, turn_image


def rectangle(
    x: float, y: float, width: float, height: float, degrees: float = 0.0
) -> NDArray[np.float32]:
    a = np.deg2rad(degrees)
    across = np.array([np.cos(a), np.sin(a)]) * width
    down = np.array([-np.sin(a), np.cos(a)]) * height
    corner = np.array([x, y], dtype=float)
    return np.array([corner, corner + across, corner + across + down, corner + down], np.float32)


@pytest.mark.parametrize("degrees", [-40, -10, 0, 10, 40])
@pytest.mark.parametrize("first", range(4))
def test_the_top_left_comes_first_and_the_rest_clockwise(degrees: float, first: int) -> None:
    box = rectangle(200, 200, 90, 20, degrees)
    shuffled = np.roll(box, first, axis=0)[np.newaxis]
    assert order_corners(shuffled)[0] == pytest.approx(box)


def test_sizes_and_slopes_are_those_of_the_box() -> None:
    boxes = np.stack([rectangle(0, 0, 50, 10), rectangle(100, 50, 80, 20, 30)])
    widths, heights = box_sizes(boxes)
    assert widths == pytest.approx([50, 80], rel=1e-5)
    assert heights == pytest.approx([10, 20], rel=1e-5)
    assert np.rad2deg(box_angles(boxes)) == pytest.approx([0, 30], abs=1e-4)


def test_no_boxes_stay_no_boxes() -> None:
    assert order_corners(np.empty((0, 4, 2), np.float32)).shape == (0, 4, 2)


@pytest.mark.parametrize(
    ("degrees", "row", "column"), [(0, 0, 0), (90, 0, 3), (180, 2, 3), (270, 4, 0)]
)
def test_turning_is_clockwise(degrees: int, row: int, column: int) -> None:
    image = np.zeros((3, 4, 3), np.uint8) if degrees in {0, 180} else np.zeros((4, 5, 3), np.uint8)
    image[0, 0] = 255
    turned = turn_image(image, degrees)
    assert turned[row, column].tolist() == [255, 255, 255]
    assert turned.sum() == 3 * 255
