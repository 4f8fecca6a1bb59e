"""From how many pages on the machine here pays, as a table of cases."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maoocr.service.costs_break_even import break_even, told_money

CASES = [
    # local a month, remote a page, load -> pages from which local pays, cheaper, remote cost
    ("200", "0.002", 12_000, 100_000, "remote", "24"),
    ("200", "0.002", 99_999, 100_000, "remote", "199.998"),
    ("200", "0.002", 100_000, 100_000, "equal", "200"),
    ("200", "0.002", 100_001, 100_000, "local", "200.002"),
    ("100", "0.003", 33_333, 33_334, "remote", "99.999"),
    ("100", "0.003", 33_334, 33_334, "local", "100.002"),
    ("0.30", "0.10", 3, 3, "equal", "0.3"),
    ("1", "0.000000001", 10, 1_000_000_000, "remote", "0.00000001"),
    ("200", "0.002", 0, 100_000, "remote", "0"),
    ("0", "0.002", 10, 0, "local", "0.02"),
    ("0", "0.002", 0, 0, "equal", "0"),
    ("200", "0", 10**6, None, "remote", "0"),
    ("0", "0", 10, 0, "equal", "0"),
]


@pytest.mark.parametrize(("local", "page", "load", "pages", "cheaper", "remote"), CASES)
def test_case(
    local: str, page: str, load: int, pages: int | None, cheaper: str, remote: str
) -> None:
    found = break_even(Fraction(local), Fraction(page), load, "EUR")
    assert (found.pages, found.cheaper, found.remote_cost) == (pages, cheaper, Fraction(remote))
    assert found.sentence.endswith(".")
    assert f"{load:,} pages a month" in found.sentence


def test_it_is_one_plain_sentence() -> None:
    assert break_even(Fraction(200), Fraction("0.002"), 12_000, "EUR").sentence == (
        "This machine costs 200.00 EUR a month and a page 0.0020 EUR remotely, so it pays from"
        " 100,000 pages a month on; this load is 12,000 pages a month, which are cheaper remotely:"
        " there they would cost 24.00 EUR."
    )


@pytest.mark.parametrize(
    ("local", "page", "lacking"),
    [
        (None, Fraction(1), ["LOCAL_PER_MONTH"]),
        (Fraction(1), None, ["REMOTE_PER_PAGE"]),
        (None, None, ["LOCAL_PER_MONTH", "REMOTE_PER_PAGE"]),
    ],
)
def test_what_is_not_known_is_named(
    local: Fraction | None, page: Fraction | None, lacking: list[str]
) -> None:
    found = break_even(local, page, 5, "EUR")
    assert (found.pages, found.cheaper, found.remote_cost) == (None, None, None)
    named = [name for name in ("LOCAL_PER_MONTH", "REMOTE_PER_PAGE") if name in found.sentence]
    assert named == lacking


@given(
    local=st.fractions(min_value=0, max_value=10**6),
    page=st.fractions(min_value=0, max_value=100),
    load=st.integers(min_value=0, max_value=10**9),
)
def test_it_pays_from_the_break_even_on_and_not_before(
    local: Fraction, page: Fraction, load: int
) -> None:
    found = break_even(local, page, load, "EUR")
    assert (found.pages is not None and load >= found.pages) == (found.cheaper != "remote")


@pytest.mark.parametrize(
    ("money", "told"),
    [
        ("0", "0.00 EUR"),
        ("1234567.891", "1,234,567.89 EUR"),
        ("0.1", "0.10 EUR"),
        ("0.00002", "0.000020 EUR"),
        ("0.0000000001", "0.000000000 EUR"),
    ],
)
def test_small_money_is_told_with_more_places(money: str, told: str) -> None:
    assert told_money(Fraction(money), "EUR") == told
