"""The rate algorithm against a simple model: a bucket of tokens that fills up with time."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maoocr.cache.gcra import MINUTE_US, charge, interval_us, state_of

STEPS = st.lists(
    st.tuples(st.integers(0, 2 * MINUTE_US), st.integers(0, 40)), min_size=1, max_size=40
)


class Bucket:
    """Full at first; holds a minute's worth; a request takes its cost out of it or nothing."""

    def __init__(self, per_minute: int) -> None:
        self.capacity = Fraction(per_minute)
        self.tokens = self.capacity
        self.per_us = Fraction(1, interval_us(per_minute))

    def take(self, waited_us: int, cost: int) -> bool:
        self.tokens = min(self.capacity, self.tokens + waited_us * self.per_us)
        wanted = min(Fraction(cost), self.capacity)
        if wanted > self.tokens:
            return False
        self.tokens -= wanted
        return True


@given(per_minute=st.integers(1, 30), steps=STEPS)
def test_it_decides_as_a_bucket_of_tokens_does(
    per_minute: int, steps: list[tuple[int, int]]
) -> None:
    bucket, debt = Bucket(per_minute), 0
    for waited, cost in steps:
        debt = max(debt - waited, 0)
        allowed, debt = charge(debt, per_minute, cost)
        assert allowed is bucket.take(waited, cost)
        state = state_of(allowed, debt, per_minute, cost)
        assert state.remaining == int(bucket.tokens)
        assert Fraction(debt) == (bucket.capacity - bucket.tokens) / bucket.per_us


@given(per_minute=st.integers(1, 5000), costs=st.lists(st.integers(1, 50), max_size=60))
def test_who_waits_as_he_is_told_is_allowed(per_minute: int, costs: list[int]) -> None:
    debt = 0
    for cost in costs:
        allowed, debt = charge(debt, per_minute, cost)
        state = state_of(allowed, debt, per_minute, cost)
        assert (state.retry_after_s == 0) is allowed
        if not allowed:
            wait_us = round(state.retry_after_s * 1e6)
            assert not charge(debt - wait_us + 1, per_minute, cost)[0]
            allowed, debt = charge(debt - wait_us, per_minute, cost)
            assert allowed


def test_a_full_minute_is_allowed_at_once_and_then_one_at_a_time() -> None:
    debt = 0
    for _ in range(7):
        allowed, debt = charge(debt, 7, 1)
        assert allowed
    assert not charge(debt, 7, 1)[0]
    assert charge(debt - interval_us(7), 7, 1)[0]


@pytest.mark.parametrize("per_minute", [0, -1, MINUTE_US + 1])
def test_a_rate_that_is_none_is_refused(per_minute: int) -> None:
    with pytest.raises(ValueError, match="per minute"):
        charge(0, per_minute, 1)
