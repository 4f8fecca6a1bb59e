"""Which call that is passed on goes next: callers take turns, and some slots stay with pages."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ..errors import DeadlineExceeded, Overloaded

__all__ = ["Turns"]

FIRST_CALL_S = 5.0
"""Seconds that a call is thought to take before one has ended."""
INERTIA = 0.8


class Turns:
    """So many calls at once; of those that wait, one of each caller before a second of any."""

    def __init__(
        self, at_once: int, most_waiting: int, show: Callable[[int], object] = lambda waiting: None
    ) -> None:
        """Make it.

        Args:
            at_once: calls.
            most_waiting: calls beyond which further ones are refused.
            show: is told how many wait.
        """
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._show = show
        self._running = 0
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._call_s = FIRST_CALL_S

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        return sum(map(len, self._lines.values()))

    @asynccontextmanager
    async def turn(self, caller: str, deadline: float) -> AsyncIterator[None]:
        """Wait for a turn and have it.

        Args:
            caller: who shares the turns with the others.
            deadline: moment of the loop's clock.

        Raises:
            Overloaded: too many wait.
            DeadlineExceeded: the turn did not come in time.
        """
        await self._wait(caller, deadline)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            yield
        finally:
            self._call_s = INERTIA * self._call_s + (1 - INERTIA) * (loop.time() - begun)
            self._running -= 1
            self._next()

    async def _wait(self, caller: str, deadline: float) -> None:
        if self._running < self._at_once and not self._lines:
            self._running += 1
            return
        if self.waiting >= self._most_waiting:
            ahead_s = self._call_s * (self.waiting + 1) / self._at_once
            raise Overloaded(
                f"{self.waiting} calls of /v1 wait for this model, and no more may"
                " (MAOOCR_VLM__V1_MAX_WAITING).",
                retry_after_s=ahead_s,
            )
        place = asyncio.get_running_loop().create_future()
        self._lines.setdefault(caller, deque()).append(place)
        self._show(self.waiting)
        try:
            async with asyncio.timeout_at(deadline):
                await place
            self._show(self.waiting)
        except BaseException as error:
            self._leave(caller, place)
            self._show(self.waiting)
            if isinstance(error, TimeoutError):
                raise DeadlineExceeded(
                    "No slot of the model fell free in the time that a request may take"
                    " (MAOOCR_LIMITS__REQUEST_SECONDS)."
                ) from None
            raise

    def _leave(self, caller: str, place: asyncio.Future[None]) -> None:
        line = self._lines.get(caller)
        if line is not None and place in line:
            line.remove(place)
            if not line:
                del self._lines[caller]
        elif place.done() and not place.cancelled():
            # His turn had come just then.
            self._running -= 1
            self._next()

    def _next(self) -> None:
        while self._lines and self._running < self._at_once:
            caller, line = self._lines.popitem(last=False)
            place = line.popleft()
            if line:
                self._lines[caller] = line
            if not place.done():
                self._running += 1
                place.set_result(None)
