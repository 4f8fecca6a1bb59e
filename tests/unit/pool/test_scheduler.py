import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from maoocr.documents.kinds import kind_named
from maoocr.domain import OcrOptions, PageResult
from maoocr.engines.base import EngineInfo
from maoocr.errors import (
    DeadlineExceeded,
    EngineFault,
    EngineLost,
    EngineUnavailable,
    MaoOCRError,
    PageTooComplex,
    ShuttingDown,
)
from maoocr.pool.batch_run import LaneTimes
from maoocr.pool.cores import CoreShare
from maoocr.pool.lanes import Lane, LaneEnd, LaneLost, LaneVitals, OnPage
from maoocr.pool.queue import BatchPolicy
from maoocr.pool.scheduler import MAX_KILLS, Scheduler
from maoocr.pool.tickets import PageTask, Ticket

Act = Callable[["Extra", list[int], OnPage], Awaitable[None]]


class Extra:
    """A lane of this process that does what its function says."""

    pid = None
    info = EngineInfo("extra", "m1")

    def __init__(self, act: Act) -> None:
        self._act = act
        self.cancelled: list[int] = []
        self.threads: list[int] = []
        self.killed: asyncio.Future[LaneEnd] = asyncio.get_running_loop().create_future()

    async def read(self, tasks: Sequence[PageTask], on_page: OnPage) -> LaneVitals:
        await self._act(self, [task.page for task in tasks], on_page)
        return LaneVitals()

    def share(self, threads: int) -> None:
        self.threads.append(threads)

    def cancel(self, index: int) -> None:
        self.cancelled.append(index)

    def stop(self, end: LaneEnd) -> None:
        raise NotImplementedError

    def kill(self, end: LaneEnd) -> None:
        if not self.killed.done():
            self.killed.set_result(end)

    async def gone(self) -> LaneEnd:
        return await self.killed


class Cast:
    """A crew of extras; one that is lost is replaced at once."""

    def __init__(self, act: Act, lanes: int) -> None:
        self._act = act
        self._idle: deque[Lane] = deque(Extra(act) for _ in range(lanes))
        self.taken: list[Lane] = []

    @property
    def has_idle(self) -> bool:
        return bool(self._idle)

    def take(self) -> Lane:
        self.taken.append(self._idle.popleft())
        return self.taken[-1]

    def want(self) -> None: ...

    def give_back(self, lane: Lane, vitals: LaneVitals, pages: int) -> None:
        self._idle.append(lane)

    def replace(self) -> None:
        self._idle.append(Extra(self._act))


class Book:
    """A ledger that only remembers."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.batches: list[int] = []
        self.retries = 0

    def answered(self, ticket: Ticket, outcome: PageResult | MaoOCRError) -> None:
        self.outcomes.append("ok" if isinstance(outcome, PageResult) else outcome.code)

    def queued(self, pages: int) -> None:
        pass

    def begun(self, pages: int) -> None:
        self.batches.append(pages)

    def read(self, pages: int, seconds: float) -> None:
        pass

    def retried(self) -> None:
        self.retries += 1


class Stage:
    """A running scheduler with extras."""

    def __init__(
        self, act: Act, *, lanes: int = 1, batch: int = 1, page_seconds: float = 60.0
    ) -> None:
        self.crew = Cast(act, lanes)
        self.book = Book()
        self.scheduler = Scheduler(
            "extra",
            self.crew,
            self.book,
            policy=BatchPolicy(batch),
            times=LaneTimes(page_seconds, slack_seconds=0.01),
            cores=CoreShare(4, 4),
        )
        self._document = self.scheduler.queue.open("client")
        self.task = asyncio.create_task(self.scheduler.run())

    def submit(self, page: int, *, deadline: float = 1e12) -> Ticket:
        ticket = Ticket(
            task=PageTask("d", kind_named("png"), page, OcrOptions()),
            key=("auto", False, True, False),
            document=self._document,
            deadline=deadline,
            queued_at=time.monotonic(),
            future=asyncio.get_running_loop().create_future(),
        )
        self.scheduler.submit(ticket)
        return ticket


Direct = Callable[..., Stage]


@pytest.fixture
async def direct() -> AsyncIterator[Direct]:
    stages: list[Stage] = []

    def make(act: Act, *, lanes: int = 1, batch: int = 1, page_seconds: float = 60.0) -> Stage:
        stages.append(Stage(act, lanes=lanes, batch=batch, page_seconds=page_seconds))
        return stages[-1]

    yield make
    for stage in stages:
        stage.task.cancel()
        await asyncio.gather(stage.task, return_exceptions=True)


async def read_all(lane: Extra, pages: list[int], on_page: OnPage) -> None:
    for index in range(len(pages)):
        on_page(index, PageResult(number=99))


async def test_a_page_is_answered_with_its_own_number_and_its_wait(direct: Direct) -> None:
    result = await direct(read_all).submit(4).future
    assert result.number == 4
    assert result.queue_s >= 0


async def test_a_page_has_the_cores_of_those_that_have_ended(direct: Direct) -> None:
    lanes: dict[int, Extra] = {}
    others_ended = asyncio.Event()

    async def note(lane: Extra, pages: list[int], on_page: OnPage) -> None:
        lanes[pages[0]] = lane
        if pages == [1]:
            await others_ended.wait()
        await read_all(lane, pages, on_page)

    stage = direct(note, lanes=2)
    first, *others = (stage.submit(page).future for page in (1, 2, 3))
    await asyncio.gather(*others)
    assert lanes[2] is lanes[3]
    assert lanes[2].threads == [2, 2]
    assert lanes[1].threads == [2, 4]
    others_ended.set()
    await first


async def test_a_page_that_the_lane_passes_over_is_a_fault(direct: Direct) -> None:
    async def forget(lane: Extra, pages: list[int], on_page: OnPage) -> None:
        pass

    with pytest.raises(EngineFault):
        await direct(forget).submit(1).future


async def test_a_page_whose_deadline_has_passed_is_not_begun(direct: Direct) -> None:
    stage = direct(read_all)
    with pytest.raises(DeadlineExceeded):
        await stage.submit(1, deadline=0.0).future
    assert stage.book.batches == []


def loses(stage: list[Stage], *, is_suspect: bool, times: int) -> Act:
    """Lose the lane so many times, then read."""
    left = times

    async def act(lane: Extra, pages: list[int], on_page: OnPage) -> None:
        nonlocal left
        if left:
            left -= 1
            stage[0].crew.replace()
            raise LaneLost("crash" if is_suspect else "killed", is_suspect=is_suspect)
        await read_all(lane, pages, on_page)

    return act


async def test_a_page_is_tried_once_more_when_it_may_be_to_blame(direct: Direct) -> None:
    stage: list[Stage] = []
    stage.append(direct(loses(stage, is_suspect=True, times=1)))
    await stage[0].submit(1).future
    assert stage[0].book.retries == 1


async def test_a_page_that_cost_two_lanes_is_given_up(direct: Direct) -> None:
    stage: list[Stage] = []
    stage.append(direct(loses(stage, is_suspect=True, times=2)))
    with pytest.raises(EngineLost):
        await stage[0].submit(1).future
    assert stage[0].book.outcomes == ["engine_lost"]


async def test_a_page_outlives_lanes_that_are_killed_from_outside(direct: Direct) -> None:
    stage: list[Stage] = []
    stage.append(direct(loses(stage, is_suspect=False, times=MAX_KILLS - 1)))
    assert (await stage[0].submit(1).future).number == 1


async def test_but_not_for_ever(direct: Direct) -> None:
    stage: list[Stage] = []
    stage.append(direct(loses(stage, is_suspect=False, times=MAX_KILLS)))
    with pytest.raises(EngineLost):
        await stage[0].submit(1).future


async def test_after_the_loss_of_a_lane_its_pages_go_alone(direct: Direct) -> None:
    stage: list[Stage] = []
    stage.append(direct(loses(stage, is_suspect=True, times=1), batch=4))
    tickets = [stage[0].submit(page) for page in (1, 2, 3)]
    await asyncio.gather(*(ticket.future for ticket in tickets))
    assert stage[0].book.batches == [3, 1, 1, 1]


async def hang(lane: Extra, pages: list[int], on_page: OnPage) -> None:
    raise LaneLost(await lane.gone(), is_suspect=True)


async def test_a_silent_lane_is_killed_and_its_page_is_too_complex(direct: Direct) -> None:
    stage = direct(hang, page_seconds=0.01)
    with pytest.raises(PageTooComplex):
        await stage.submit(1).future


async def test_a_lane_that_ignores_a_cancel_is_killed(direct: Direct) -> None:
    begun = asyncio.Event()

    async def begin(lane: Extra, pages: list[int], on_page: OnPage) -> None:
        begun.set()
        await hang(lane, pages, on_page)

    stage = direct(begin)
    ticket = stage.submit(1)
    await begun.wait()
    ticket.future.cancel()
    stage.scheduler.leave(ticket)
    stage.scheduler.leave(ticket)
    (lane,) = stage.crew.taken
    assert isinstance(lane, Extra)
    assert await lane.gone() == "hang"
    assert lane.cancelled == [0]


async def test_at_the_end_everybody_is_told_and_nobody_taken(direct: Direct) -> None:
    stage = direct(hang)
    tickets = [stage.submit(page) for page in (1, 2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    stage.scheduler.end(lambda: ShuttingDown("The end."))
    for ticket in tickets:
        with pytest.raises(ShuttingDown):
            await ticket.future
    with pytest.raises(ShuttingDown):
        stage.submit(3)


async def test_a_page_whose_lane_dies_at_the_end_is_told_of_the_end(direct: Direct) -> None:
    end = asyncio.Event()

    async def die_late(lane: Extra, pages: list[int], on_page: OnPage) -> None:
        await end.wait()
        raise LaneLost("killed", is_suspect=False)

    stage = direct(die_late)
    ticket = stage.submit(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    stage.scheduler._refusal = lambda: ShuttingDown("The end.")
    end.set()
    with pytest.raises(ShuttingDown):
        await ticket.future


@pytest.mark.parametrize("where", ["give_back", "take"])
async def test_a_fault_of_the_scheduler_leaves_nobody_waiting(
    direct: Direct, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Cast, where, broken)
    stage = direct(read_all)
    first, second = stage.submit(1), stage.submit(2)
    outcomes = await asyncio.gather(first.future, second.future, return_exceptions=True)
    assert isinstance(outcomes[1], EngineUnavailable)
    await stage.task
    assert isinstance(stage.scheduler.refusal, EngineUnavailable)
    with pytest.raises(EngineUnavailable):
        stage.submit(3)


async def test_an_answer_that_comes_too_late_changes_nothing(direct: Direct) -> None:
    ticket = direct(read_all).submit(1)
    first = await ticket.future
    assert not ticket.settle(ShuttingDown("Too late."))
    assert await ticket.future is first
