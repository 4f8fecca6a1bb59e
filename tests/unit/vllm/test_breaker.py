"""The breaker's three states, on a clock that the test holds."""

import pytest

from maoocr.vllm.breaker import MOST_COOLDOWNS, Breaker


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(failures=3, window_s=60.0, cooldown_s=5.0)


def fail(breaker: Breaker, now: float) -> bool:
    return breaker.failed(breaker.begin(now), now, "It hangs.")


def succeed(breaker: Breaker, now: float) -> None:
    breaker.succeeded(breaker.begin(now), now)


def opened(breaker: Breaker, now: float = 0.0) -> Breaker:
    for _ in range(3):
        fail(breaker, now)
    assert breaker.state(now) == "open"
    return breaker


def test_failures_in_a_row_open_it(breaker: Breaker) -> None:
    assert [fail(breaker, 1.0) for _ in range(3)] == [False, False, True]
    assert not breaker.may_call(1.0)
    assert breaker.reason == "It hangs."
    assert breaker.wait_s(2.0) == 4.0


def test_a_long_good_record_does_not_keep_it_closed(breaker: Breaker) -> None:
    for _ in range(1000):
        succeed(breaker, 0.0)
    opened(breaker, 1.0)


def test_a_success_between_failures_keeps_it_closed(breaker: Breaker) -> None:
    for _ in range(2):
        fail(breaker, 0.0)
        fail(breaker, 0.0)
        succeed(breaker, 0.0)
    assert breaker.state(0.0) == "closed"


def test_half_of_the_calls_failing_opens_it(breaker: Breaker) -> None:
    for now in range(20):
        fail(breaker, float(now))
        if breaker.state(now) == "open":
            break
        succeed(breaker, float(now))
    assert breaker.state(now) == "open"


def test_old_failures_do_not_count(breaker: Breaker) -> None:
    assert not any(fail(breaker, now) for now in (0.0, 50.0, 100.0, 150.0, 200.0))


def test_after_the_cooldown_one_call_finds_out(breaker: Breaker) -> None:
    opened(breaker)
    assert breaker.state(5.0) == "half_open"
    probe = breaker.begin(5.0)
    assert not breaker.may_call(5.0)
    breaker.succeeded(probe, 6.0)
    assert breaker.state(6.0) == "closed"
    assert breaker.may_call(6.0)


def test_a_probe_that_fails_doubles_the_cooldown(breaker: Breaker) -> None:
    opened(breaker)
    now, waits = 0.0, []
    for _ in range(8):
        now += breaker.wait_s(now)
        assert fail(breaker, now)
        waits.append(breaker.wait_s(now))
    assert waits[:3] == [10.0, 20.0, 40.0]
    assert waits[-1] == 5.0 * MOST_COOLDOWNS
    now += breaker.wait_s(now)
    succeed(breaker, now)
    opened(breaker, now)
    assert breaker.wait_s(now) == 5.0


def test_a_probe_whose_caller_left_makes_room_for_another(breaker: Breaker) -> None:
    opened(breaker)
    probe = breaker.begin(5.0)
    breaker.left(probe)
    assert breaker.may_call(5.0)
    assert breaker.state(5.0) == "half_open"


def test_late_outcomes_of_earlier_calls_say_nothing(breaker: Breaker) -> None:
    early = [breaker.begin(0.0) for _ in range(3)]
    opened(breaker)
    breaker.succeeded(early[0], 1.0)
    assert breaker.state(1.0) == "open"
    probe = breaker.begin(5.0)
    assert not breaker.failed(early[1], 5.5, "late")
    breaker.succeeded(early[2], 5.5)
    assert breaker.state(5.5) == "half_open"
    breaker.succeeded(probe, 6.0)
    assert breaker.state(6.0) == "closed"


def test_it_can_be_opened_and_closed_from_outside(breaker: Breaker) -> None:
    breaker.trip(0.0, 30.0, "Asked too often.")
    assert breaker.wait_s(0.0) == 30.0
    breaker.close()
    assert breaker.may_call(0.0)
    assert breaker.reason == ""
