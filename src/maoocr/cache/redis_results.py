"""The result cache that replicas share in Redis, with a small one of this process in front.

Whoever purges an answer, or puts a new one in its place, tells the fronts of the others. A front is
cleared whenever it cannot be sure to have heard of everything.
"""

import asyncio
import contextlib
import math
import os
from dataclasses import dataclass

from ..errors import CacheUnavailable
from ..telemetry.metrics import Metrics
from .memory import MemoryCache
from .packing import pack, unpack
from .redis_link import RedisAway, RedisLink
from .redis_wire import RedisWire

__all__ = ["FORMAT", "Keeping", "RedisCache"]

FORMAT = "1"
"""Goes up when values are stored in another form: old ones are then not found any more."""
FRONT_TTL_S = 300.0
PURGES = "purges"
_SENDER_BYTES = 8


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long and how much is kept.

    Attributes:
        ttl_s: seconds that a value lives.
        value_bytes: what is larger, once packed, is not kept in Redis.
        front_bytes: memory of the front.
    """

    ttl_s: float
    value_bytes: int
    front_bytes: int


class RedisCache:
    """Answers in Redis; what cannot be reached is a miss."""

    def __init__(
        self, link: RedisLink, wire: RedisWire, keeping: Keeping, metrics: Metrics
    ) -> None:
        self._link = link
        self._wire = wire
        self._keeping = keeping
        self._metrics = metrics
        front_s = min(keeping.ttl_s, FRONT_TTL_S)
        self._front = MemoryCache(keeping.front_bytes, front_s, metrics)
        self._sender = os.urandom(_SENDER_BYTES)
        self._fetching: dict[str, set[object]] = {}
        """Who fetches what: when news of it comes meanwhile, it may be what the news is about."""
        self._listener: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen for what other processes purge and replace."""
        self._listener = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener})

    def at_hand(self, key: str) -> bytes | None:
        """The value, if the front has it; else nothing is counted, because `get` will be asked."""
        return self._front.at_hand(key)

    async def get(self, key: str) -> bytes | None:
        """The value, unless there is none, it is too old or out of reach."""
        value = await self.find(key)
        self._metrics.cache_requests.labels("miss" if value is None else "hit").inc()
        return value

    async def find(self, key: str) -> bytes | None:
        """The value, as `get` has it, but not counted as a look-up."""
        value = self._front.find(key)
        if value is not None:
            return value
        me = object()
        fetching = self._fetching.setdefault(key, set())
        fetching.add(me)
        try:
            stored = await self._link.ask("results", lambda redis: redis.get(self._name(key)))
            value = await unpack(stored) if isinstance(stored, bytes) else None
            if value is not None and me in fetching:
                self._front.put(key, value)
        except RedisAway:
            return None
        finally:
            fetching.discard(me)
            if not fetching and self._fetching.get(key) is fetching:
                del self._fetching[key]
        return value

    async def set(self, key: str, value: bytes) -> None:
        """Keep the value, here and in Redis, unless it is too large; other fronts forget theirs."""
        self._front.put(key, value)
        stored = await pack(value)
        name, ttl_ms = self._name(key), math.ceil(self._keeping.ttl_s * 1000)
        with contextlib.suppress(RedisAway):
            if len(stored) > self._keeping.value_bytes:
                # An older one that was smaller must not outlive this one.
                await self._link.ask("results", lambda redis: redis.delete(name))
            else:
                await self._link.ask("results", lambda redis: redis.set(name, stored, px=ttl_ms))
        await self._tell(key)

    async def purge(self, key: str) -> bool:
        """Forget one value everywhere; tells whether it was there.

        Raises:
            CacheUnavailable: Redis is away, so it is forgotten in this process alone.
        """
        was_there = await self._front.purge(key)
        self._fetching.pop(key, set()).clear()
        try:
            deleted = await self._link.ask("results", lambda redis: redis.delete(self._name(key)))
        except RedisAway as error:
            raise CacheUnavailable(
                f"The cache that replicas share is away ({error}), so the answer is forgotten in"
                " this process alone. Ask again when Redis is back."
            ) from error
        await self._tell(key)
        return was_there or bool(deleted)

    async def _tell(self, key: str) -> None:
        """Tell others, after the deed: who fetches again must not find the old value."""
        await self._wire.publish(PURGES, self._sender + key.encode())

    def _name(self, key: str) -> str:
        return f"{self._link.prefix}:result:{FORMAT}:{key}"

    async def _listen(self) -> None:
        async with self._wire.subscribe(PURGES) as messages:
            async for message in messages:
                if message is None:
                    for fetching in self._fetching.values():
                        fetching.clear()
                    self._front.clear()
                elif not message.startswith(self._sender):
                    key = message[_SENDER_BYTES:].decode(errors="replace")
                    self._fetching.get(key, set[object]()).clear()
                    await self._front.purge(key)
