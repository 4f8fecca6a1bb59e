import numpy as np
import pytest

from maoocr.engines.ppocr.ctc import Glyph
from maoocr.engines.ppocr.words import as_polygon, words_of

BOX = np.array([[100, 50], [300, 50], [300, 70], [100, 70]], np.float32)


def glyphs(text: str, score: float = 0.9) -> list[Glyph]:
    return [Glyph(c, score, (i + 0.5) / len(text)) for i, c in enumerate(text)]


def test_a_line_is_cut_at_its_spaces() -> None:
    words = words_of(glyphs("two words"), BOX)
    assert [word.text for word in words] == ["two", "words"]
    (a, b, c, d) = words[0].polygon
    assert (a[0], b[0]) == pytest.approx((100, 166.7), abs=0.2)
    assert (a[1], d[1]) == (50, 70)
    assert c[0] == b[0]


def test_words_do_not_overlap_and_stay_in_the_line() -> None:
    words = words_of(glyphs("a few 中文 words"), BOX)
    starts = [word.polygon[0][0] for word in words]
    ends = [word.polygon[1][0] for word in words]
    assert starts == sorted(starts)
    assert all(end <= start + 0.2 for end, start in zip(ends[:-1], starts[1:], strict=True))
    assert min(starts) >= 100
    assert max(ends) <= 300


def test_chinese_characters_are_words_of_their_own() -> None:
    assert [word.text for word in words_of(glyphs("共12元 in"), BOX)] == ["共", "12", "元", "in"]


def test_a_word_of_combining_characters_is_composed() -> None:
    assert [word.text for word in words_of(glyphs("cafe\u0301"), BOX)] == ["café"]


def test_the_score_of_a_word_is_the_mean_of_its_glyphs() -> None:
    line = [Glyph("a", 0.5, 0.25), Glyph("b", 0.7, 0.75)]
    assert words_of(line, BOX)[0].score == pytest.approx(0.6)


def test_no_glyphs_are_no_words() -> None:
    assert words_of([], BOX) == ()


def test_a_word_of_a_slanted_line_lies_along_it() -> None:
    slanted = np.array([[0, 0], [100, 100], [90, 110], [-10, 10]], np.float32)
    word = words_of(glyphs("ab cd"), slanted)[1]
    x, y = word.polygon[0]
    assert x == y == pytest.approx(60, abs=0.2)


def test_polygons_are_plain_numbers() -> None:
    polygon = as_polygon(BOX)
    assert polygon == ((100.0, 50.0), (300.0, 50.0), (300.0, 70.0), (100.0, 70.0))
    assert {type(v) for point in polygon for v in point} == {float}
