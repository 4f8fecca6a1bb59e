import numpy as np
import pytest

from maoocr.engines.ppocr.ctc import Reading, decode_ctc, stands_alone

CHARSET = ("", "a", "b", "é", "e", "\u0301", "中", " ")


def decode(
    classes: list[int], probabilities: list[float] | None = None, filled: float = 1.0
) -> Reading:
    steps = np.array(classes)
    return decode_ctc(
        steps,
        np.array(probabilities or [0.9] * len(classes), np.float32),
        CHARSET,
        filled,
    )


def test_repeats_count_once_and_blanks_part_doubles() -> None:
    assert decode([0, 1, 1, 0, 1, 2, 2, 0]).text == "aab"


def test_the_score_is_that_of_the_first_step_of_each_glyph() -> None:
    reading = decode([0, 1, 1, 0, 2], [0.1, 0.8, 0.2, 0.1, 0.6])
    assert reading.score == pytest.approx(0.7)
    assert [glyph.score for glyph in reading.glyphs] == pytest.approx([0.8, 0.6])


def test_only_blanks_are_no_text() -> None:
    reading = decode([0, 0, 0])
    assert (reading.text, reading.score, reading.glyphs) == ("", 0.0, ())


def test_text_is_composed() -> None:
    assert decode([4, 5]).text == "é"


def test_centres_are_fractions_of_the_line_not_of_its_padding() -> None:
    full = decode([0, 1, 0, 0])
    padded = decode([0, 1, 0, 0, 0, 0, 0, 0], filled=0.5)
    assert full.glyphs[0].centre == padded.glyphs[0].centre == pytest.approx(0.375)


def test_the_input_is_left_as_it_was() -> None:
    classes = np.array([0, 1, 1, 2])
    decode_ctc(classes, np.ones(4, np.float32), CHARSET)
    assert classes.tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("character", "alone"), [("中", True), ("か", True), ("a", False), ("é", False)]
)
def test_scripts_without_spaces_are_known(character: str, alone: bool) -> None:
    assert stands_alone(character) is alone
