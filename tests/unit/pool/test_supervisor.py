import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from maoocr.engines.base import EngineInfo, EngineSpec
from maoocr.pool.lanes import LaneEnd, LaneNotStarted, LaneVitals, OnPage
from maoocr.pool.supervisor import RecycleRules, Supervisor
from maoocr.pool.tickets import PageTask


class Puppet:
    """A lane without a process."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 1000 + number
        self.info = EngineInfo("puppet", "m1")
        self.end: asyncio.Future[LaneEnd] = asyncio.get_running_loop().create_future()
        self.killed = False

    async def read(self, tasks: Sequence[PageTask], on_page: OnPage) -> LaneVitals:
        raise NotImplementedError

    def share(self, threads: int) -> None:
        raise NotImplementedError

    def cancel(self, index: int) -> None:
        raise NotImplementedError

    def stop(self, end: LaneEnd) -> None:
        if not self.end.done():
            self.end.set_result(end)

    def kill(self, end: LaneEnd) -> None:
        self.killed = True
        self.stop(end)

    async def gone(self) -> LaneEnd:
        return await asyncio.shield(self.end)


class Theatre:
    """A supervisor of puppets."""

    def __init__(self, lanes: int, *, pages: int = 100) -> None:
        self.puppets: list[Puppet] = []
        self.failures = 0
        self.ended: list[str] = []
        self.changed = asyncio.Event()
        self.supervisor = Supervisor(
            [EngineSpec("puppet", ".none:None")] * lanes,
            self._launch,
            RecycleRules(pages, rss_bytes=1000, backoff_max_seconds=4.0),
            on_change=self.changed.set,
            on_end=self.ended.append,
        )
        self.task = asyncio.create_task(self.supervisor.run())

    async def _launch(self, spec: EngineSpec, slot: int) -> Puppet:
        if self.failures:
            self.failures -= 1
            raise LaneNotStarted("no model", reason="There is no model.")
        self.puppets.append(Puppet(len(self.puppets)))
        return self.puppets[-1]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def up(self, lanes: int) -> None:
        await self.until(lambda: self.supervisor.lanes_up == lanes)


@pytest.fixture
async def build() -> AsyncIterator[Callable[..., Theatre]]:
    made: list[Theatre] = []

    def make(lanes: int, *, pages: int = 100) -> Theatre:
        made.append(Theatre(lanes, pages=pages))
        return made[-1]

    yield make
    for theatre in made:
        theatre.task.cancel()
        await asyncio.gather(theatre.task, return_exceptions=True)


Build = Callable[..., Theatre]


async def test_all_lanes_are_started_side_by_side(build: Build) -> None:
    theatre = build(3)
    await theatre.up(3)
    assert [lane.state for lane in theatre.supervisor.status()] == ["idle"] * 3
    assert theatre.supervisor.info == EngineInfo("puppet", "m1")


async def test_the_lane_that_was_free_longest_is_next(build: Build) -> None:
    theatre = build(2)
    await theatre.up(2)
    supervisor = theatre.supervisor
    first = supervisor.take()
    supervisor.give_back(first, LaneVitals(), 1)
    assert supervisor.take() is not first


async def test_a_lane_that_dies_idle_is_taken_by_nobody(build: Build) -> None:
    theatre = build(2)
    await theatre.up(2)
    theatre.puppets[0].stop("killed")
    await theatre.until(lambda: len(theatre.puppets) == 3)
    await theatre.up(2)
    taken = [theatre.supervisor.take(), theatre.supervisor.take()]
    assert theatre.puppets[0] not in taken
    assert theatre.ended == ["killed"]


async def test_a_lane_that_dies_busy_is_replaced_and_cannot_come_back(build: Build) -> None:
    theatre = build(1)
    await theatre.up(1)
    lane = theatre.supervisor.take()
    theatre.puppets[0].stop("crash")
    await theatre.until(lambda: len(theatre.puppets) == 2)
    await theatre.up(1)
    theatre.supervisor.give_back(lane, LaneVitals(), 1)
    assert theatre.supervisor.take() is theatre.puppets[1]
    assert not theatre.supervisor.has_idle


@pytest.mark.parametrize(
    ("vitals", "pages", "end"),
    [
        (LaneVitals(rss_bytes=1001), 1, "memory"),
        (LaneVitals(wants_replacing="memory"), 1, "memory"),
        (LaneVitals(), 100, "recycle"),
    ],
)
async def test_a_worn_lane_is_replaced(
    build: Build, vitals: LaneVitals, pages: int, end: str
) -> None:
    theatre = build(1)
    await theatre.up(1)
    theatre.supervisor.give_back(theatre.supervisor.take(), vitals, pages)
    assert not theatre.supervisor.has_idle
    await theatre.until(lambda: len(theatre.puppets) == 2)
    assert theatre.ended == [end]


async def test_lanes_that_grew_old_together_are_replaced_in_turn(build: Build) -> None:
    theatre = build(2, pages=5)
    await theatre.up(2)
    supervisor = theatre.supervisor
    lanes = [supervisor.take(), supervisor.take()]
    for lane in lanes:
        supervisor.give_back(lane, LaneVitals(), 5)
    states = [lane.state for lane in supervisor.status()]
    assert sorted(states) == ["idle", "stopping"]


async def test_a_start_that_fails_is_told_while_no_lane_is_up(build: Build) -> None:
    theatre = build(1)
    theatre.failures = 2
    await theatre.until(lambda: theatre.supervisor.failure is not None)
    failure = theatre.supervisor.failure
    assert failure is not None
    assert failure.reason == "There is no model."
    await theatre.up(1)
    assert theatre.supervisor.failure is None
    assert theatre.ended == ["start_failed"] * 2


async def test_it_is_hopeless_after_some_failures_in_a_row(build: Build) -> None:
    theatre = build(1)
    theatre.failures = 100
    await theatre.until(lambda: theatre.supervisor.is_hopeless)
    assert len(theatre.ended) == 3


async def test_the_pause_doubles_up_to_its_limit(build: Build) -> None:
    supervisor = build(1).supervisor
    pauses = [supervisor._backoff_s(failures) for failures in range(9)]
    assert pauses == [0.0, 0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


async def test_at_the_end_idle_lanes_are_stopped_and_busy_ones_killed(build: Build) -> None:
    theatre = build(2)
    await theatre.up(2)
    busy = theatre.supervisor.take()
    theatre.task.cancel()
    await asyncio.gather(theatre.task, return_exceptions=True)
    assert [puppet.killed for puppet in theatre.puppets] == [p is busy for p in theatre.puppets]
    assert all(puppet.end.done() for puppet in theatre.puppets)


async def test_an_engine_that_was_up_is_waited_for_longer(build: Build) -> None:
    theatre = build(1)
    await theatre.up(1)
    theatre.failures = 100
    theatre.puppets[0].end.set_result("crash")
    await theatre.until(lambda: theatre.ended.count("start_failed") == 3)
    assert theatre.supervisor.failure is not None
    assert not theatre.supervisor.is_hopeless
    assert not theatre.supervisor.refuses
