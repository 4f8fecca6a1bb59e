import pytest

from bench.scoring import canonical, score, total


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("a b\n\tc\u3000d\u200b", "abcd"),
        ("\uff21\uff22\uff11", "AB1"),
        ("\u201cx\u201d \u2014 \u2018y\u2019", "\"x\"-'y'"),
        ("1 \u00d7 2\u2026", "1x2..."),
        ("a---b \u2013 \u2014 c", "a-b-c"),
        ("\ufb01n", "fin"),
        ("", ""),
    ],
)
def test_what_looks_the_same_is_the_same(text: str, form: str) -> None:
    assert canonical(text) == form


def test_case_counts_unless_told_otherwise() -> None:
    assert canonical("Stra\u00dfe", case=False) == canonical("STRASSE", case=False)
    assert score("Abc", "abc").edits == 1
    assert score("Abc", "abc", case=False).edits == 0


def test_counts_of_one_wrong_character() -> None:
    # kitten, sitten: 1 substitution; 5 of 6 characters in common; pairs ki|it tt te en against si.
    found = score("kitten", "sitten")
    assert (found.edits, found.true_chars, found.read_chars, found.common_chars) == (1, 6, 6, 5)
    assert (found.true_pairs, found.read_pairs, found.common_pairs) == (5, 5, 4)


def test_pairs_do_not_cross_white_space() -> None:
    assert score("ab cd", "x").true_pairs == 2
    assert score("ab\ncd", "cd ab").common_pairs == 2


def test_order_counts_in_cer_alone() -> None:
    group = total([score("ab\ncd", "cd\nab")])
    assert group.cer == 1.0
    assert (group.char_f1, group.pair_f1, group.exact) == (1.0, 1.0, 0.0)


def test_images_weigh_by_their_characters() -> None:
    # 1 edit of 2 characters and 0 of 8: 1 of 10, not the mean of 0.5 and 0.
    group = total([score("ab", "xb"), score("abcdefgh", "abcdefgh")])
    assert group.cer == pytest.approx(0.1)
    # 1 + 8 characters in common; 10 true and 10 read.
    assert group.char_f1 == pytest.approx(2 * 9 / 20)
    # 0 + 7 pairs in common; 1 + 7 true and as many read.
    assert group.pair_f1 == pytest.approx(2 * 7 / 16)
    assert group.exact == 0.5


def test_images_without_one_right_order_have_no_cer() -> None:
    group = total([score("abcd", "dcba", ordered=False), score("abcd", "abc")])
    assert (group.images, group.ordered_images) == (2, 1)
    assert group.cer == pytest.approx(0.25)
    assert total([score("abcd", "dcba", ordered=False)]).cer is None


def test_a_blank_image_is_right_when_nothing_is_read() -> None:
    assert total([score("", " \n")]).exact == 1.0
    assert total([score("", "")]).char_f1 == 1.0
    assert total([score("", "ghost"), score("abcde", "abcde")]).cer == 1.0
    assert total([score("", "ghost")]).char_f1 == 0.0
