"""Who reads what, when: gives waiting tickets to free lanes and settles every one of them.

There is no timer and no polling: a new ticket or a free lane wakes it, and batches form by
themselves while the lanes are busy. However it ends, nobody is left waiting.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from ..domain import PageResult
from ..errors import DeadlineExceeded, EngineFault, EngineLost, EngineUnavailable, MaoOCRError
from .batch_run import BatchRun, LaneTimes
from .cores import CoreShare
from .lanes import Lane, LaneLost, LaneVitals
from .limits import page_time_is_up
from .queue import BatchPolicy, FairQueue
from .tickets import Ticket

__all__ = ["Crew", "Ledger", "Scheduler", "deadline_passed"]

log = logging.getLogger(__name__)

MAX_LOSSES = 2
"""Lanes that one page may cost, where it may be to blame: it is tried once more, then given up."""
MAX_KILLS = 5
"""Lanes killed by somebody outside that a page outlives; a bound only so that it ends."""


class Crew(Protocol):
    """The lanes, as the scheduler sees them."""

    @property
    def has_idle(self) -> bool:
        """Somebody is free."""

    def want(self) -> None:
        """Somebody waits: lanes that were let go are needed again."""

    def take(self) -> Lane:
        """A free lane, which is busy from now on."""

    def give_back(self, lane: Lane, vitals: LaneVitals, pages: int) -> None:
        """It has read so many pages and can go on."""


class Ledger(Protocol):
    """Who keeps the figures."""

    def answered(self, ticket: Ticket, outcome: PageResult | MaoOCRError) -> None:
        """A page has its outcome, and its caller was there."""

    def queued(self, pages: int) -> None:
        """So many pages wait now."""

    def begun(self, pages: int) -> None:
        """A batch went to a lane."""

    def read(self, pages: int, seconds: float) -> None:
        """A lane took so long over a batch."""

    def retried(self) -> None:
        """A page is tried again because its lane was lost."""


class Scheduler:
    """Serves one engine's queue with that engine's lanes."""

    def __init__(
        self,
        engine: str,
        crew: Crew,
        ledger: Ledger,
        *,
        policy: BatchPolicy,
        times: LaneTimes,
        cores: CoreShare,
    ) -> None:
        self._engine = engine
        self._crew = crew
        self._ledger = ledger
        self._policy = policy
        self._times = times
        self._cores = cores
        self._wake = asyncio.Event()
        self._running: dict[Ticket, BatchRun] = {}
        # Wherever a fault leaves a ticket, between the queue and a lane: it stands in here.
        self._waited_for: set[Ticket] = set()
        self._refusal: Callable[[], MaoOCRError] | None = None
        self.queue: FairQueue[Ticket] = FairQueue(self._expire)

    @property
    def refusal(self) -> MaoOCRError | None:
        """Why it takes nothing any more, by intent or by a fault; None while it works."""
        return self._refusal() if self._refusal is not None else None

    @property
    def pages_in_work(self) -> int:
        """That lanes have now."""
        return len(self._running)

    def submit(self, ticket: Ticket) -> None:
        """Queue a page.

        Raises:
            MaoOCRError: why nothing is taken any more.
        """
        if self._refusal is not None:
            raise self._refusal()
        self._waited_for.add(ticket)
        ticket.future.add_done_callback(lambda _: self._waited_for.discard(ticket))
        self.queue.put(ticket)
        self._ledger.queued(len(self.queue))
        self._crew.want()
        self._wake.set()

    def leave(self, ticket: Ticket) -> None:
        """The caller of a ticket left, or its deadline passed."""
        if self.queue.discard(ticket):
            self._ledger.queued(len(self.queue))
        elif (run := self._running.get(ticket)) is not None:
            run.leave(ticket)

    def wake(self) -> None:
        """Something changed: a lane is free."""
        self._wake.set()

    async def run(self) -> None:
        """Serve until cancelled. Never returns otherwise, unless by a fault of its own."""
        refusal = self.fault
        try:
            async with asyncio.TaskGroup() as reading:
                while True:
                    await self._wake.wait()
                    self._wake.clear()
                    self._dispatch(reading)
        except asyncio.CancelledError:
            refusal = self._refusal or self.fault
            raise
        except BaseException:
            log.exception("the scheduler of %s died", self._engine)
        finally:
            self.end(refusal)

    def end(self, refusal: Callable[[], MaoOCRError]) -> None:
        """Settle everybody and take nothing any more.

        Args:
            refusal: makes the error for each caller.
        """
        self._refusal = self._refusal or refusal
        self.settle_waiting(refusal)
        for ticket in list(self._waited_for):
            self._settle(ticket, refusal())

    def settle_waiting(self, refusal: Callable[[], MaoOCRError]) -> None:
        """Settle all that no lane has begun."""
        for ticket in self.queue.drain():
            self._settle(ticket, refusal())
        self._ledger.queued(0)

    def fault(self) -> MaoOCRError:
        """The error of everybody once the scheduler has died."""
        return EngineUnavailable(
            f"The scheduler of the engine {self._engine} has failed; the service must be restarted."
        )

    def _dispatch(self, reading: asyncio.TaskGroup) -> None:
        now = time.monotonic()
        runs: list[BatchRun] = []
        while self._crew.has_idle and (tickets := self.queue.take(now, self._policy)):
            runs.append(BatchRun(self._crew.take(), tickets, self._times, self._ledger.answered))
        self._ledger.queued(len(self.queue))
        for run in runs:
            self._running |= dict.fromkeys(run.tickets, run)
            self._ledger.begun(len(run.tickets))
            self._cores.begin(run.lane)
            reading.create_task(self._read(run))
        self._cores.settle()

    async def _read(self, run: BatchRun) -> None:
        try:
            vitals = await run.read()
        except LaneLost as lost:
            self._recover(run, lost)
        else:
            for ticket in run.unanswered:
                self._settle(ticket, EngineFault("The lane gave no outcome for this page."))
            self._ledger.read(len(run.tickets), run.seconds)
            self._crew.give_back(run.lane, vitals, len(run.tickets))
        finally:
            self._cores.end(run.lane)
            for ticket in run.tickets:
                if self._running.get(ticket) is run:
                    del self._running[ticket]
            self._wake.set()

    def _recover(self, run: BatchRun, lost: LaneLost) -> None:
        """Try the pages of a lost lane again, each alone: one of them may have killed it."""
        for ticket in run.unanswered:
            ticket.losses += lost.is_suspect
            ticket.kills += not lost.is_suspect
            if self._refusal is not None:
                self._settle(ticket, self._refusal())
            elif lost.end == "hang" and len(run.tickets) == 1:
                self._settle(ticket, page_time_is_up(self._times.page_seconds))
            elif ticket.losses >= MAX_LOSSES or ticket.kills >= MAX_KILLS:
                self._settle(ticket, EngineLost(_LOST.format(engine=self._engine)))
            else:
                ticket.alone = True
                self.queue.put_back(ticket)
                self._ledger.retried()

    def _expire(self, ticket: Ticket) -> None:
        self._settle(ticket, deadline_passed())

    def _settle(self, ticket: Ticket, error: MaoOCRError) -> None:
        if ticket.settle(error):
            self._ledger.answered(ticket, error)


_LOST = (
    "The process of the engine {engine} died over this page, and so did the one that tried again."
)


def deadline_passed() -> DeadlineExceeded:
    """The error of a page that was not read in time."""
    return DeadlineExceeded("The time for this request passed before the page was read.")
