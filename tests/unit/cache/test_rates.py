from maoocr.cache import rates
from maoocr.cache.rates import MemoryRates


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_room_comes_back_with_time() -> None:
    clock = Clock()
    counter = MemoryRates(clock)
    assert [(await counter.take("a", 2)).allowed for _ in range(3)] == [True, True, False]
    clock.now += 30
    assert (await counter.take("a", 2)).allowed
    state = await counter.take("a", 2)
    assert (state.allowed, state.remaining, state.reset_s, state.retry_after_s) == (
        False,
        0,
        60,
        30,
    )


async def test_a_new_month_begins_at_nothing() -> None:
    month = "2026-01"
    counter = MemoryRates(month=lambda: month)
    assert await counter.add("a", 5) == 5
    month = "2026-02"
    assert await counter.total("a") == 0
    assert await counter.add("a", 1) == 1


async def test_keys_that_owe_nothing_are_forgotten() -> None:
    clock = Clock()
    counter = MemoryRates(clock)
    for number in range(rates.SWEEP_AT - 1):
        await counter.take(str(number), 60)
    clock.now += 120
    await counter.take("last", 60)
    assert list(counter._arrivals) == ["last"]
