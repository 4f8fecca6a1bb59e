import numpy as np
import pytest

from maoocr.engines.ppocr.crops import Crop
from maoocr.engines.ppocr.ctc import Glyph, Reading
from maoocr.engines.ppocr.stretch import (
    MIN_SQUEEZE,
    is_ideographic,
    is_starved,
    page_squeeze,
    squeezed,
    wider,
)

PAGE = np.zeros((100, 1000, 3), np.uint8)


def line(
    text: str, length: float, score: float = 0.98, squeeze: float = 1.0
) -> tuple[Crop, Reading]:
    """A line of so many heights and its reading."""
    box = np.array([[0, 0], [20 * length, 0], [20 * length, 20], [0, 20]], np.float32)
    glyphs = tuple(Glyph(c, score, (i + 0.5) / len(text)) for i, c in enumerate(text))
    return Crop(PAGE, box, squeeze), Reading(text, score, glyphs)


def test_chinese_is_squeezed_more_than_latin() -> None:
    chinese = page_squeeze([line("文" * 20, 18)] * 4)
    latin = page_squeeze([line("text" * 10, 14)] * 4)
    assert MIN_SQUEEZE <= chinese < latin <= 1.0


def test_dense_latin_is_not_squeezed() -> None:
    assert page_squeeze([line("text" * 10, 10)] * 4) == 1.0


def test_without_a_readable_sample_nothing_is_squeezed() -> None:
    assert page_squeeze([]) == 1.0
    assert page_squeeze([line("text" * 10, 18, score=0.4), line("ab", 3)]) == 1.0


def test_a_squeezed_line_that_is_too_dense_is_starved() -> None:
    assert is_starved(*line("x" * 75, 18, squeeze=0.8))
    assert not is_starved(*line("x" * 30, 18, squeeze=0.8))


def test_a_squeezed_line_that_was_read_badly_is_starved() -> None:
    assert is_starved(*line("x" * 20, 18, score=0.6, squeeze=0.8))


def test_a_line_at_full_width_cannot_be_helped() -> None:
    assert not is_starved(*line("x" * 90, 18, score=0.3))


def test_a_squeezed_number_is_read_again() -> None:
    assert is_starved(*line("1,000,000.00", 9, squeeze=0.8))
    assert not is_starved(*line("about 12 of them", 12, squeeze=0.8))


def test_short_lines_are_not_squeezed() -> None:
    assert squeezed(line("Total", 4)[0], 0.6).squeeze == 1.0
    assert squeezed(line("text" * 10, 18)[0], 0.6).squeeze == 0.6


def test_wider_means_full_width() -> None:
    crop, _ = line("text", 10, squeeze=0.6)
    assert wider(crop).squeeze == 1.0
    assert wider(crop).box is crop.box


@pytest.mark.parametrize(("text", "ideographic"), [("中文字", True), ("abc文", False), ("", False)])
def test_the_script_is_that_of_most_characters(text: str, ideographic: bool) -> None:
    assert is_ideographic(text) is ideographic
