"""One document that was let in."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from ..domain import PageResult
from ..errors import CallerLeft
from ..telemetry.logging import request_id_var
from .gate import Place
from .scheduler import Scheduler, deadline_passed
from .tickets import PageTask, Ticket, batch_key

__all__ = ["Admission"]


class Admission:
    """Room for one document; a context manager that gives it back at the end."""

    def __init__(
        self,
        place: Place,
        scheduler: Scheduler,
        *,
        deadline: float,
        window: int,
        release: Callable[[Place], None],
    ) -> None:
        """Made by `Pool.admit`.

        Args:
            place: that the document takes at the gate.
            scheduler: that reads its pages.
            deadline: `time.monotonic()` value after which nobody waits any more.
            window: pages of this document that are queued or in work at once; the others wait
                here, so that the queue stays short however long a document is.
            release: gives the place back.
        """
        self._place = place
        self._scheduler = scheduler
        self._deadline = deadline
        self._window = asyncio.Semaphore(window)
        self._release = release
        self._document = scheduler.queue.open(place.client)
        self._tickets: set[Ticket] = set()
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give the room back; whoever still reads gets `CallerLeft`. Idempotent."""
        if self._is_over:
            return
        self._is_over = True
        for ticket in list(self._tickets):
            ticket.settle(CallerLeft("The document was given up."))
            self._scheduler.leave(ticket)
        self._scheduler.queue.close(self._document)
        self._release(self._place)

    async def read(self, task: PageTask) -> PageResult:
        """Read one page; call it for many pages at once, they take their turns.

        Cancelling the task that awaits this is how a caller leaves: a page that waits is dropped,
        one in work is stopped at the engine's next checkpoint.

        Raises:
            MaoOCRError: why the page could not be read.
        """
        try:
            async with asyncio.timeout(max(0.0, self._deadline - time.monotonic())), self._window:
                return await self._read(task)
        except TimeoutError:
            raise deadline_passed() from None
        finally:
            self._place.remaining = max(0, self._place.remaining - 1)

    async def _read(self, task: PageTask) -> PageResult:
        if self._is_over:
            raise CallerLeft("The document was given up.")
        ticket = Ticket(
            task=replace(task, request_id=request_id_var.get()),
            key=batch_key(task.options),
            document=self._document,
            deadline=self._deadline,
            queued_at=time.monotonic(),
            future=asyncio.get_running_loop().create_future(),
        )
        self._scheduler.submit(ticket)
        self._tickets.add(ticket)
        try:
            return await ticket.future
        except asyncio.CancelledError:
            self._scheduler.leave(ticket)
            raise
        finally:
            self._tickets.discard(ticket)
