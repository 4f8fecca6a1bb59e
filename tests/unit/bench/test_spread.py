import pytest

from bench.report import layout
from bench.spread import flatness, percentile, spread


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1.0), (25, 1.75), (50, 2.5), (90, 3.7), (100, 4.0)]
)
def test_percentiles_lie_between_neighbours(percent: float, value: float) -> None:
    assert percentile([4, 1, 3, 2], percent) == pytest.approx(value)


def test_one_value_is_every_percentile_of_itself() -> None:
    assert percentile([7.0], 0) == percentile([7.0], 99) == 7.0


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


def test_a_spread_is_blind_to_order() -> None:
    found = spread([3.0, 1.0, 9.0])
    assert (found.median, found.low, found.high, found.count) == (3.0, 1.0, 9.0, 3)


def test_a_spread_shows_what_is_worth_showing() -> None:
    assert str(spread([0.123456, 1234.5, 20.06])) == "20.1 (0.123 .. 1234, n=3)"


def test_flatness_is_half_the_range_by_the_middle() -> None:
    assert flatness([95, 100, 105]) == pytest.approx(0.05)
    assert flatness([100, 100]) == 0.0
    assert flatness([100, 130]) == pytest.approx(15 / 115)


def test_numbers_stand_to_the_right() -> None:
    assert layout(("part", "n"), [["a", 5], ["longer", 12]]) == [
        "part     n",
        "------  --",
        "a        5",
        "longer  12",
    ]
