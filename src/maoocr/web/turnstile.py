"""Lets requests in a few at a time, so that a crowd never keeps the event loop from the rest.

Hundreds of requests that arrive together would all be parsed and begun before the loop looks at its
sockets again, and a probe that comes meanwhile would wait for the last of them. Nobody holds a
place: who is in is no longer counted, so a slow upload stands in nobody's way.
"""

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["Turnstile"]

PER_TURN = 2
"""Requests that may begin in one turn of the loop; each takes about a millisecond."""
QUEUE = 8
"""With so many waiting, connections that still come are taken before a request begins."""
CROWD = 64
"""So many waiting are a crowd."""
LULL_S = 0.005
"""Without a new connection, after which nobody more is expected."""
ARRIVALS_FIRST_S = 0.1
"""After which requests begin although connections still come."""
PAUSE_S = 0.001


class Turnstile:
    """Where the requests of one event loop begin, in order of arrival."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._begun = 0
        self._is_turning = False
        self._arrived = 0.0
        self._since = 0.0

    @property
    def is_crowded(self) -> bool:
        """Whether there is a crowd before it."""
        return len(self._waiting) >= CROWD

    def arrive(self) -> None:
        """A connection was made; behind it may be one that is more urgent than any who wait."""
        self._arrived = self._loop.time()

    def enter(self) -> bool:
        """Whether a request may begin at once; else it should `wait`."""
        self._turn()
        if self._begun >= PER_TURN or self._waiting:
            return False
        self._begun += 1
        return True

    def wait(self, begin: Callable[[], None]) -> None:
        """Call `begin` when it is its turn."""
        if not self._waiting:
            self._since = self._loop.time()
        self._waiting.append(begin)
        self._turn()

    def _turn(self) -> None:
        if not self._is_turning:
            self._is_turning = True
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        """A turn of the loop is over; the sockets are looked at before the next."""
        self._begun = 0
        self._is_turning = bool(self._waiting)
        if not self._waiting:
            return
        if self._expects_more():
            self._loop.call_later(PAUSE_S, self._next)
            return
        self._loop.call_soon(self._next)
        while self._waiting and self._begun < PER_TURN:
            self._begun += 1
            self._waiting.popleft()()

    def _expects_more(self) -> bool:
        now = self._loop.time()
        return (
            len(self._waiting) >= QUEUE
            and now - self._arrived < LULL_S
            and now - self._since < ARRIVALS_FIRST_S
        )
