"""One batch on one lane, as the gateway sees it: who is answered, and when the lane is too slow."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..domain import PageResult
from ..errors import MaoOCRError
from .lanes import Lane, LaneVitals
from .tickets import Ticket

__all__ = ["BatchRun", "LaneTimes"]

Account = Callable[[Ticket, PageResult | MaoOCRError], None]


@dataclass(frozen=True, slots=True)
class LaneTimes:
    """How long a lane may be silent.

    Attributes:
        page_seconds: what a page may take; the lane itself sees to it at its checkpoints.
        slack_seconds: what the lane may take longer, until it is killed.
    """

    page_seconds: float
    slack_seconds: float


class BatchRun:
    """Hears how a batch goes on, answers its tickets, kills a lane that is stuck."""

    def __init__(
        self, lane: Lane, tickets: Sequence[Ticket], times: LaneTimes, account: Account
    ) -> None:
        self.lane = lane
        self.tickets = tickets
        self._times = times
        self._account = account
        self._open = dict.fromkeys(range(len(tickets)))
        self._left: set[int] = set()
        self._began = time.monotonic()
        self._watch: asyncio.TimerHandle | None = None

    async def read(self) -> LaneVitals:
        """Have the lane read the batch.

        Raises:
            LaneLost: the tickets in `unanswered` were not read.
        """
        self._wind()
        try:
            tasks = [ticket.task for ticket in self.tickets]
            return await self.lane.read(tasks, self._page)
        finally:
            if self._watch is not None:
                self._watch.cancel()

    @property
    def unanswered(self) -> list[Ticket]:
        """Those whose page has no outcome and who are still waited for."""
        return [self.tickets[i] for i in self._open if not self.tickets[i].is_settled]

    @property
    def seconds(self) -> float:
        """Since the lane got the batch."""
        return time.monotonic() - self._began

    def leave(self, ticket: Ticket) -> None:
        """The caller of one page left; the others go on."""
        index = self.tickets.index(ticket)
        if index in self._open and index not in self._left:
            self._left.add(index)
            self.lane.cancel(index)
            self._wind()

    def _page(self, index: int, outcome: PageResult | MaoOCRError) -> None:
        """One page has its outcome."""
        ticket = self.tickets[index]
        del self._open[index]
        if isinstance(outcome, PageResult):
            waited = self._began - ticket.queued_at
            outcome = replace(outcome, number=ticket.task.page, queue_s=waited)
        if ticket.settle(outcome):
            self._account(ticket, outcome)
        self._wind()

    def _wind(self) -> None:
        """Set the alarm anew: something was heard, or there is less to wait for."""
        if self._watch is not None:
            self._watch.cancel()
        waiting = len(self._open.keys() - self._left)
        seconds = self._times.slack_seconds + waiting * self._times.page_seconds
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(seconds, self.lane.kill, "hang")
