import pytest

from maoocr.domain import Polygon, TextLine, Word
from maoocr.exports.geometry import baseline, box_of, paragraphs, words_of
from tests.unit.exports.samples import line, upright


def test_the_baseline_of_a_skewed_line_is_its_lower_edge() -> None:
    slope, offset_px, angle_deg = baseline(((0, 0), (100, 10), (100, 30), (0, 20)))
    assert slope == pytest.approx(0.1)
    assert offset_px == pytest.approx(-10)
    assert angle_deg == pytest.approx(-5.71, abs=0.01)


@pytest.mark.parametrize(
    ("polygon", "angle_deg"),
    [
        (((0, 100), (0, 0), (20, 0), (20, 100)), 90),
        (((20, 0), (20, 100), (0, 100), (0, 0)), -90),
        (upright(0, 0, 100, 20), 0),
        (((100, 20), (0, 20), (0, 0), (100, 0)), 180),
    ],
)
def test_angles_are_counter_clockwise(polygon: Polygon, angle_deg: float) -> None:
    assert baseline(polygon)[2] == pytest.approx(angle_deg)


def test_a_point_is_a_box_and_a_baseline() -> None:
    point: Polygon = ((5, 5), (5, 5), (5, 5), (5, 5))
    assert box_of(point) == (5, 5, 5, 5)
    assert baseline(point) == (0, 0, 0)


@pytest.mark.parametrize(
    ("second", "together"),
    [
        (upright(0, 22, 80, 42), True),
        (upright(0, 60, 80, 80), False),
        (upright(200, 2, 260, 22), True),
        (upright(200, 22, 260, 42), False),
        (upright(0, 22, 80, 72), False),
        (upright(0, -30, 80, -10), False),
    ],
    ids=["below", "far below", "same row", "another column", "a larger hand", "above"],
)
def test_paragraphs_are_lines_that_go_on(second: Polygon, together: bool) -> None:
    lines = [line("one", upright(0, 0, 100, 20)), line("two", second)]
    assert len(paragraphs(lines)) == (1 if together else 2)


def test_the_row_below_goes_on_from_the_whole_row_above() -> None:
    label, value = upright(0, 0, 60, 20), upright(200, 0, 230, 20)
    below = upright(0, 24, 60, 44), upright(200, 24, 230, 44)
    lines = [line(str(n), polygon) for n, polygon in enumerate((label, value, *below))]
    assert paragraphs(lines) == [lines]


def with_words(text: str, *words: str) -> TextLine:
    box = upright(0, 0, 9, 9)
    found = tuple(Word(word, 1.0, box) for word in words)
    return TextLine(text=text, score=1.0, polygon=box, engine="ppocr", words=found)


def test_words_know_whether_a_blank_stands_before_them() -> None:
    found = words_of(with_words("ab cd\u4e2d\u6587", "ab", "cd", "\u4e2d", "\u6587"))
    assert [(word.text, spaced) for word, spaced in found] == [
        ("ab", False),
        ("cd", True),
        ("\u4e2d", False),
        ("\u6587", False),
    ]


@pytest.mark.parametrize("words", [(), ("ab",), ("cd",), ("ab", "xx"), ("cd", "ab")])
def test_words_that_are_not_the_whole_text_are_not_used(words: tuple[str, ...]) -> None:
    assert words_of(with_words("ab cd", *words)) == []
