"""Gives the memory of an engine back that nobody has needed for some time."""

import asyncio
import time
from collections.abc import Callable

__all__ = ["Idleness"]


class Idleness:
    """Watches one engine, and lets it go when it was idle for long."""

    def __init__(
        self,
        limit_s: float,
        is_busy: Callable[[], bool],
        let_go: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make it.

        Args:
            limit_s: seconds without work; 0 never lets it go.
            is_busy: it has work, or is not up.
            let_go: ends its lanes.
            clock: seconds that only grow.
        """
        self._limit_s = limit_s
        self._is_busy = is_busy
        self._let_go = let_go
        self._clock = clock
        self._since = clock()

    async def run(self) -> None:
        """Watch until cancelled."""
        if not self._limit_s:
            return
        while True:
            await asyncio.sleep(self.rest_s())
            if self.rest_s() <= 0:
                self._let_go()
                self._since = self._clock()

    def rest_s(self) -> float:
        """Seconds until it is let go, unless it gets work."""
        if self._is_busy():
            self._since = self._clock()
        return self._since + self._limit_s - self._clock()

    def touch(self) -> None:
        """It was needed just now."""
        self._since = self._clock()
