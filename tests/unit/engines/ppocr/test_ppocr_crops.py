from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from maoocr.engines.ppocr import long_lines
from maoocr.engines.ppocr.crops import HEIGHT_PX, MAX_WIDTH_PX, Crop, crop_line, round_width
from maoocr.engines.ppocr.ctc import Glyph, Reading


def box(x0: float, y0: float, x1: float, y1: float) -> NDArray[np.float32]:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


@given(st.floats(0.01, 50_000))
def test_widths_are_rounded_to_few_values_and_hardly_down(width: float) -> None:
    rounded = round_width(width)
    assert 32 <= rounded <= MAX_WIDTH_PX
    assert rounded % 32 == 0
    if width < MAX_WIDTH_PX:
        assert rounded >= 0.85 * width


def test_a_lane_meets_only_a_few_dozen_widths() -> None:
    assert len({round_width(width) for width in range(1, 4000)}) <= 32


def half_black() -> NDArray[np.uint8]:
    page = np.full((100, 400, 3), 255, np.uint8)
    page[:, :200] = 0
    return page


def test_a_crop_is_the_box_at_the_height_of_the_recognizer() -> None:
    crop = crop_line(half_black(), box(100, 20, 300, 60), 240)
    assert crop.shape == (HEIGHT_PX, 240, 3)
    assert crop[:, :115].max() == 0
    assert crop[:, 125:].min() == 255


def test_a_box_whose_first_side_is_another_comes_out_turned() -> None:
    crop = crop_line(half_black(), np.roll(box(100, 20, 300, 60), 2, axis=0), 240)
    assert crop[:, :115].min() > 250
    assert crop[:, 125:].max() < 5


@pytest.mark.parametrize("degrees", [-35, -8, 8, 35])
def test_a_slanted_box_is_straightened(degrees: float) -> None:
    page = np.full((400, 400, 3), 255, np.uint8)
    corners = cv2.boxPoints(((200, 200), (200, 40), degrees))
    cv2.fillPoly(page, [np.round(corners).astype(np.int32)], (0, 0, 0))
    a = np.deg2rad(degrees)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    flat = np.array([[-100, -20], [100, -20], [100, 20], [-100, 20]], float)
    slanted = (flat @ turn + 200).astype(np.float32)
    crop = crop_line(page, slanted, 240)
    assert crop[4:-4, 4:-4].mean() < 10


def test_boxes_beyond_the_page_are_read_as_far_as_they_go() -> None:
    assert crop_line(half_black(), box(-50, -50, 450, 150), 64).shape == (HEIGHT_PX, 64, 3)
    assert crop_line(half_black(), box(399.8, 99.8, 400, 100), 64).shape == (HEIGHT_PX, 64, 3)


@given(st.lists(st.floats(-500, 900, width=32), min_size=8, max_size=8), st.sampled_from([32, 320]))
@settings(deadline=None)
def test_any_four_corners_give_a_crop(corners: list[float], width: int) -> None:
    crop = crop_line(half_black(), np.array(corners, np.float32).reshape(4, 2), width)
    assert crop.shape == (HEIGHT_PX, width, 3)
    assert crop.dtype == np.uint8


def words_on_a_strip() -> NDArray[np.uint8]:
    count, gap, word, height = 20, 30, 120, 20
    page = np.full((height, count * (word + gap), 3), 255, np.uint8)
    stripes = np.arange(page.shape[1]) % 5 < 2
    for i in range(count):
        part = slice(i * (word + gap) + gap // 2, i * (word + gap) + gap // 2 + word)
        page[4:-4, part][:, stripes[part]] = 0
    return page


def test_a_short_line_is_one_part() -> None:
    page = half_black()
    crop = Crop(page, box(0, 0, 400, 100))
    assert long_lines.cut(crop) == [(crop, (0.0, 1.0))]


def test_a_long_line_is_cut_in_the_gaps_between_words() -> None:
    page = words_on_a_strip()
    parts = long_lines.cut(Crop(page, box(0, 0, page.shape[1], page.shape[0])))
    assert len(parts) > 1
    spans = [span for _, span in parts]
    assert spans[0][0] == 0.0
    assert spans[-1][1] == 1.0
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    for _, (start, _) in parts[1:]:
        from_gap = (start * page.shape[1] + 75) % 150 - 75
        assert abs(from_gap) <= 18
    assert all(part.wanted_width <= MAX_WIDTH_PX for part, _ in parts)


def reading(text: str, score: float = 0.9) -> Reading:
    step = 1 / len(text)
    glyphs = tuple(Glyph(c, score, (i + 0.5) * step) for i, c in enumerate(text))
    return Reading(text, score, glyphs)


def test_parts_are_joined_with_the_space_that_was_cut() -> None:
    joined = long_lines.join([reading("one"), reading("two", 0.5)], [(0.0, 0.5), (0.5, 1.0)])
    assert joined.text == "one two"
    assert [glyph.centre for glyph in joined.glyphs] == sorted(g.centre for g in joined.glyphs)
    assert 0.5 < joined.score < 0.9


def test_chinese_parts_are_joined_without_a_space() -> None:
    spans = [(0.0, 0.5), (0.5, 1.0)]
    assert long_lines.join([reading("北京"), reading("大学")], spans).text == "北京大学"


def test_parts_without_text_join_to_nothing() -> None:
    nothing = Reading("", 0.0, ())
    assert long_lines.join([nothing, nothing], [(0.0, 0.5), (0.5, 1.0)]) == nothing
