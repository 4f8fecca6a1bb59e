import asyncio

import pytest

from maoocr.service.flight import SingleFlight


class Computation:
    """Runs until it is told to end, and counts its runs."""

    def __init__(self) -> None:
        self.runs = 0
        self.cancelled = asyncio.Event()
        self.started = asyncio.Event()
        self.end = asyncio.Event()

    async def __call__(self) -> int:
        self.runs += 1
        self.started.set()
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return self.runs


async def test_identical_calls_share_one_computation() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    compute = Computation()
    first = asyncio.ensure_future(flights.run("a", compute))
    await compute.started.wait()
    joined = flights.join("a")
    assert joined is not None
    second = asyncio.ensure_future(joined)
    compute.end.set()
    assert await first == await second == 1
    assert compute.runs == 1


async def test_nothing_to_join_when_nothing_runs() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    compute = Computation()
    compute.end.set()
    assert flights.join("a") is None
    await flights.run("a", compute)
    assert flights.join("a") is None


async def test_the_first_caller_may_leave_without_hurting_the_second() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    compute = Computation()
    first = asyncio.ensure_future(flights.run("a", compute))
    await compute.started.wait()
    joined = flights.join("a")
    assert joined is not None
    second = asyncio.ensure_future(joined)
    await asyncio.wait({second}, timeout=0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    compute.end.set()
    assert await second == 1


async def test_the_last_caller_to_leave_ends_the_computation() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    compute = Computation()
    landed = asyncio.Event()
    only = asyncio.ensure_future(flights.run("a", compute, landed=landed.set))
    await compute.started.wait()
    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    assert flights.join("a") is None
    await compute.cancelled.wait()
    await landed.wait()


async def test_everyone_gets_the_error() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    gate = asyncio.Event()

    async def fail() -> int:
        await gate.wait()
        raise ValueError("no")

    first = asyncio.ensure_future(flights.run("a", fail))
    await asyncio.wait({first}, timeout=0)
    joined = flights.join("a")
    assert joined is not None
    second = asyncio.ensure_future(joined)
    gate.set()
    for caller in (first, second):
        with pytest.raises(ValueError, match="no"):
            await caller
