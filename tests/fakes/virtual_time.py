"""An event loop whose clock leaps to what it waits for: hours pass at once, in their order."""

import asyncio
import selectors

__all__ = ["VirtualLoop"]


class _Leap(selectors.DefaultSelector):
    """Waits for nothing; the time that it should have waited has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self.now += timeout
        return super().select(0 if timeout is not None else None)


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code that takes its time from its loop, or from a clock that is given to it."""

    def __init__(self) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)

    def time(self) -> float:
        """Seconds since it was made."""
        return self._leap.now
