"""Single flight beyond one process: what another replica computes already is waited for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["Landed", "MemoryFlights"]


@dataclass(frozen=True, slots=True)
class Landed:
    """The outcome of a computation.

    Attributes:
        is_shared: somebody else computed it.
    """

    value: bytes
    is_shared: bool


class MemoryFlights:
    """Those of one process."""

    def __init__(self) -> None:
        self._flying: dict[str, asyncio.Future[bytes | None]] = {}

    async def run(
        self, key: str, compute: Callable[[], Awaitable[bytes]], *, fresh: bool = False
    ) -> Landed:
        """The outcome of `compute()`, or of one that runs under this key already.

        When the one that is waited for fails, or its caller leaves, this one computes itself.

        Args:
            key: what makes two computations the same.
            compute: run in this call, and cancelled with it.
            fresh: an outcome that was there before the call will not do.

        Raises:
            Exception: whatever the computation raised.
        """
        while (flight := self._flying.get(key)) is not None:
            value = await asyncio.shield(flight)
            if value is not None:
                return Landed(value, is_shared=True)
        flight = self._flying[key] = asyncio.get_running_loop().create_future()
        value = None
        try:
            value = await compute()
        finally:
            del self._flying[key]
            flight.set_result(value)
        return Landed(value, is_shared=False)
