import numpy as np
import pytest
from numpy.typing import NDArray

from maoocr.engines.ppocr.crops import HEIGHT_PX, Crop
from maoocr.engines.ppocr.ctc import Glyph, Reading
from maoocr.engines.ppocr.orientation import (
    agreement,
    is_sideways,
    is_tall,
    laid_out,
    runs_down,
    sample_lines,
    turned_down,
)


def box(width: float, height: float) -> list[list[float]]:
    return [[0, 0], [width, 0], [width, height], [0, height]]


def boxes(*sizes: tuple[float, float]) -> NDArray[np.float32]:
    return np.array([box(*size) for size in sizes], np.float32).reshape(-1, 4, 2)


def test_only_clearly_high_boxes_are_tall() -> None:
    assert is_tall(boxes((100, 20), (20, 100), (20, 22))).tolist() == [False, True, False]


def test_a_tall_box_turned_down_has_its_right_side_first() -> None:
    turned = turned_down(boxes((20, 100)))
    assert turned[0, 0].tolist() == [20, 0]
    assert turned[0, 1].tolist() == [20, 100]
    assert runs_down(turned).all()


def test_a_page_lies_sideways_when_most_of_its_text_does() -> None:
    down = turned_down(boxes(*[(20, 400)] * 5))
    assert is_sideways(np.concatenate([down, boxes((100, 20))]))
    assert not is_sideways(np.concatenate([down[:1], boxes(*[(400, 20)] * 5)]))
    assert not is_sideways(boxes())


def test_ordinary_lines_are_sampled_not_headings_and_crumbs() -> None:
    page = boxes((900, 90), (10, 10), *[(200, 20)] * 8)
    assert set(sample_lines(page, 4)) <= set(range(2, 10))
    assert sample_lines(boxes()) == []


def test_a_column_is_laid_out_with_its_characters_upright() -> None:
    page = np.full((400, 60, 3), 255, np.uint8)
    for top in range(20, 380, 60):
        page[top : top + 20, 15:45] = 0
    column = turned_down(boxes((60, 400)))[0]
    centres = [(top + 20) / 400 for top in range(20, 380, 60)]
    glyphs = tuple(Glyph("一", 0.9, centre) for centre in centres)
    row = laid_out(Crop(page, column), Reading("一" * len(centres), 0.9, glyphs))
    assert row.shape == (HEIGHT_PX, HEIGHT_PX * len(centres), 3)
    dark = row[..., 0] < 128
    for i in range(len(centres)):
        cell = dark[:, i * HEIGHT_PX : (i + 1) * HEIGHT_PX]
        assert cell[: HEIGHT_PX // 2].sum() > cell[HEIGHT_PX // 2 :].sum()


@pytest.mark.parametrize(
    ("one", "other", "share"), [("abcd", "dcba", 1.0), ("aabb", "ab", 0.5), ("", "x", 0.0)]
)
def test_agreement_counts_characters(one: str, other: str, share: float) -> None:
    assert agreement(one, other) == share
