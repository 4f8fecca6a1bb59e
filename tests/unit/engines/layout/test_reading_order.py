import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from maoocr.engines.layout.reading_order import page_slope, reading_order

Corners = list[list[float]]

LINE = 20
PITCH = 30


def box(x: float, y: float, width: float, height: float = LINE) -> Corners:
    return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]


def column(x: float, y: float, width: float, lines: int, last: float = 0.4) -> list[Corners]:
    """Running text: full lines, the last one short."""
    widths = [width] * (lines - 1) + [width * last]
    return [box(x, y + i * PITCH, w) for i, w in enumerate(widths)]


def turned(
    boxes: list[Corners], degrees: float, about: tuple[float, float] = (500, 500)
) -> NDArray[np.float32]:
    a = np.deg2rad(degrees)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    return np.asarray((np.array(boxes) - about) @ turn + about, np.float32)


def order_of(boxes: list[Corners] | NDArray[np.float32], *, vertical: bool = False) -> list[int]:
    """The reading order of boxes that are given in it, handed over in another."""
    array = np.array(boxes, np.float32)
    shuffle = np.random.default_rng(0).permutation(len(array))
    return [int(shuffle[i]) for i in reading_order(array[shuffle], vertical=vertical)]


def in_order(boxes: list[Corners]) -> list[int]:
    return list(range(len(boxes)))


def test_lines_are_read_from_the_top() -> None:
    page = column(100, 100, 600, 10)
    assert order_of(page) == in_order(page)


def test_two_columns_are_read_one_after_the_other() -> None:
    page = column(100, 100, 350, 12) + column(500, 100, 350, 12)
    assert order_of(page) == in_order(page)


def test_columns_whose_lines_are_level_or_not_are_read_alike() -> None:
    page = column(100, 100, 350, 12) + column(500, 113, 350, 12)
    assert order_of(page) == in_order(page)


@pytest.mark.parametrize("count", [3, 4])
def test_more_columns_are_read_from_the_left(count: int) -> None:
    page = [line for i in range(count) for line in column(60 + i * 300, 100, 270, 10)]
    assert order_of(page) == in_order(page)


def test_a_heading_and_a_footer_across_the_columns_stay_at_their_ends() -> None:
    columns = column(100, 200, 350, 10) + column(500, 200, 350, 10)
    page = [box(100, 100, 750, 40), *columns, box(150, 560, 650)]
    assert order_of(page) == in_order(page)


def test_a_heading_between_two_bands_of_columns_parts_them() -> None:
    first = column(100, 100, 350, 6) + column(500, 100, 350, 6)
    second = column(100, 400, 350, 6) + column(500, 400, 350, 6)
    page = [*first, box(120, 330, 700, 30), *second]
    assert order_of(page) == in_order(page)


def test_numbers_in_the_gutter_do_not_join_the_columns() -> None:
    left, right = column(100, 100, 450, 30, 1.0), column(620, 100, 450, 30, 1.0)
    numbers = [box(580, 100 + i * 5 * PITCH, 22) for i in range(1, 6)]
    order = order_of(left + right + numbers)
    text = [i for i in order if i < 60]
    assert text == list(range(60))


def test_a_table_is_read_row_by_row() -> None:
    page = [
        box(x, 100 + row * 40, width)
        for row in range(10)
        for x, width in ((100, 180 - 9 * row), (400, 60), (600, 70), (800, 50))
    ]
    assert order_of(page) == in_order(page)


def test_a_receipt_is_read_row_by_row() -> None:
    widths = [180, 120, 220, 90, 150, 200, 110, 170]
    page = [
        b
        for row, width in enumerate(widths)
        for b in (box(50, 100 + row * PITCH, width), box(420, 102 + row * PITCH, 60))
    ]
    assert order_of(page) == in_order(page)


@pytest.mark.parametrize("degrees", [-12, -4, 4, 12])
def test_a_skewed_page_is_read_like_a_straight_one(degrees: float) -> None:
    page = column(100, 100, 350, 12) + column(500, 100, 350, 12)
    assert order_of(turned(page, degrees)) == in_order(page)
    table = [box(x, 100 + row * 40, 80) for row in range(10) for x in (100, 400, 700)]
    assert order_of(turned(table, degrees)) == in_order(table)


def test_vertical_writing_is_read_from_the_right() -> None:
    # The first side of each box is the right one, which is the top of its text.
    lines: list[Corners] = [
        [[x + 30, 100], [x + 30, 800], [x, 800], [x, 100]] for x in range(900, 100, -60)
    ]
    assert order_of(lines, vertical=True) == in_order(lines)


def test_vertical_writing_in_two_tiers_is_read_tier_by_tier() -> None:
    def tier(top: float) -> list[Corners]:
        xs = range(900, 300, -60)
        return [[[x + 30, top], [x + 30, top + 400], [x, top + 400], [x, top]] for x in xs]

    lines = tier(100) + tier(600)
    assert order_of(lines, vertical=True) == in_order(lines)


@given(
    st.lists(
        st.tuples(
            st.floats(-1e4, 1e5),
            st.floats(-1e4, 1e5),
            st.floats(0, 2e4),
            st.floats(0, 2e3),
            st.floats(-180, 180),
        ),
        max_size=60,
    ),
    st.booleans(),
)
@settings(deadline=None)
def test_every_line_is_read_once_whatever_the_page(
    lines: list[tuple[float, ...]], vertical: bool
) -> None:
    boxes = [turned([box(x, y, w, h)], a, (x, y))[0] for x, y, w, h, a in lines]
    array = np.array(boxes, np.float32).reshape(-1, 4, 2)
    assert sorted(reading_order(array, vertical=vertical)) == list(range(len(lines)))


def test_twenty_thousand_lines_are_ordered_without_comparing_all_pairs() -> None:
    random = np.random.default_rng(1)
    corners = random.uniform(0, 10_000, (20_000, 2))
    boxes = np.array([box(x, y, 60, 12) for x, y in corners], np.float32)
    start = time.process_time()
    assert sorted(reading_order(boxes)) == list(range(20_000))
    assert time.process_time() - start < 60


def test_the_slope_of_a_page_is_that_of_its_long_lines() -> None:
    page = turned([*column(100, 100, 600, 10), box(700, 700, 25)], 7)
    assert np.rad2deg(page_slope(page)) == pytest.approx(7, abs=0.1)
    assert page_slope(np.empty((0, 4, 2), np.float32)) == 0.0
