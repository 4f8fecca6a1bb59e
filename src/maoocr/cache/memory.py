"""The result cache of one process, bounded by bytes."""

import time
from collections import OrderedDict
from collections.abc import Callable

from ..telemetry.metrics import Metrics

__all__ = ["MemoryCache"]

_ENTRY_BYTES = 400
"""What an entry costs beside its value: two dict slots, the key, the tuple."""


class MemoryCache:
    """Keeps the answers used last, as bytes, until they are older than the time to live."""

    def __init__(
        self,
        max_bytes: int,
        ttl_s: float,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._metrics = metrics
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    def at_hand(self, key: str) -> bytes | None:
        """The value, if it is here; else nothing is counted, because `get` will be asked."""
        value = self.find(key)
        if value is not None:
            self._metrics.cache_requests.labels("hit").inc()
        return value

    async def get(self, key: str) -> bytes | None:
        """The value, unless there is none or it is too old."""
        value = self.find(key)
        self._metrics.cache_requests.labels("miss" if value is None else "hit").inc()
        return value

    def find(self, key: str) -> bytes | None:
        """The value, as `get` has it, but not counted as a look-up."""
        entry = self._entries.get(key)
        if entry is not None and self._clock() - entry[0] >= self._ttl_s:
            self._drop(key)
            entry = None
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[1]

    async def set(self, key: str, value: bytes) -> None:
        """Keep the value; the ones that were not used for longest make room."""
        self.put(key, value)

    def put(self, key: str, value: bytes) -> None:
        """Keep the value, as `set` does."""
        self._drop(key)
        if len(value) + _ENTRY_BYTES > self._max_bytes:
            return
        self._entries[key] = (self._clock(), value)
        self._bytes += len(value) + _ENTRY_BYTES
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))
        self._metrics.cache_bytes.set(self._bytes)

    async def purge(self, key: str) -> bool:
        """Forget one value; tells whether it was there."""
        was_there = key in self._entries
        self._drop(key)
        return was_there

    def clear(self) -> None:
        """Forget everything that this process holds."""
        self._entries.clear()
        self._bytes = 0
        self._metrics.cache_bytes.set(0)

    @property
    def size_bytes(self) -> int:
        """What the entries take."""
        return self._bytes

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry[1]) + _ENTRY_BYTES
            self._metrics.cache_bytes.set(self._bytes)
