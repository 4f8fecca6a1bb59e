"""Single flight: identical work that is asked for at the same time is done once."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

__all__ = ["SingleFlight"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Flight(Generic[V]):
    def __init__(self, task: "asyncio.Task[V]") -> None:
        self.task = task
        self.waiting = 0


class SingleFlight(Generic[K, V]):
    """Runs one computation per key at a time and gives its outcome to everyone who asked.

    A caller who leaves does not disturb the others; when the last one leaves, the computation is
    cancelled.
    """

    def __init__(self) -> None:
        self._flights: dict[K, _Flight[V]] = {}

    def join(self, key: K) -> Coroutine[Any, Any, V] | None:
        """The outcome of the computation that runs under this key; None when none does."""
        flight = self._flights.get(key)
        return None if flight is None else self._wait(key, flight)

    async def run(
        self,
        key: K,
        compute: Callable[[], Coroutine[Any, Any, V]],
        *,
        landed: Callable[[], None] = lambda: None,
    ) -> V:
        """The outcome of `compute()`, which others may join while it runs.

        Args:
            key: under which nothing runs now.
            compute: what to run; it may outlive this call while others wait for it.
            landed: called once when the computation is over, however it ended.

        Raises:
            Exception: whatever the computation raised.
        """
        flight = _Flight(asyncio.ensure_future(compute()))
        self._flights[key] = flight
        flight.task.add_done_callback(lambda _: landed())
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        return await self._wait(key, flight)

    async def _wait(self, key: K, flight: _Flight[V]) -> V:
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                # Out of the table first: who comes now must not join what is being cancelled.
                self._land(key, flight)
                flight.task.cancel()

    def _land(self, key: K, flight: _Flight[V]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if flight.task.done() and not flight.task.cancelled():
            # Marks the error as seen: when every caller left, nobody else will look at it.
            flight.task.exception()
