"""Single flight over replicas: a short lock in Redis, and the outcome over the wire.

Who gets the lock computes, and renews it while he does. Who does not, listens: for the outcome, for
the news that the holder gave up, or for nothing until the lock runs out because its holder died.
Then he tries for the lock himself. Without Redis everyone computes for himself.
"""

import asyncio
import contextlib
import math
import os
from collections.abc import Awaitable, Callable

from .flights import Landed
from .packing import pack, unpack
from .redis_link import RedisAway, RedisLink
from .redis_results import RedisCache
from .redis_wire import RedisWire
from .wire import Subscription

__all__ = ["RedisFlights"]

LOCK_S = 3.0
"""A dead holder keeps the others waiting for so long; a live one renews three times in it."""

MESSAGE_BYTES = 256 * 1024
"""An outcome that is larger, packed, is fetched from the cache by those who wait."""

_TAKE = """
local left = redis.call('PTTL', KEYS[1])
if left ~= -2 then
  return {'', left}
end
local token = string.format('%.0f', redis.call('INCR', KEYS[2])) .. ':' .. ARGV[1]
redis.call('SET', KEYS[1], token, 'NX', 'PX', ARGV[2])
return {token, 0}
"""
_RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
"""A lock that is gone altogether is made again: Redis was started anew, the holder lives."""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""

_GAVE_UP, _LANDED, _IN_CACHE = b"-", b"+", b"@"


class RedisFlights:
    """Those of all processes that share the Redis."""

    def __init__(
        self, link: RedisLink, wire: RedisWire, cache: RedisCache, lock_s: float = LOCK_S
    ) -> None:
        self._link = link
        self._wire = wire
        self._cache = cache
        self._lock_s = lock_s
        self._nonce = os.urandom(8).hex()
        """Keeps tokens apart where Redis forgot how far it had counted."""
        self._landing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Wait until every lock is given back."""
        if self._landing:
            await asyncio.wait(self._landing)

    async def run(
        self, key: str, compute: Callable[[], Awaitable[bytes]], *, fresh: bool = False
    ) -> Landed:
        """The outcome of `compute()`, or of one that runs elsewhere; see `MemoryFlights.run`."""
        value: bytes | None = None
        try:
            token, _ = await self._take(key)
            if not token:
                token, value = await self._wait(key)
        except RedisAway:
            return Landed(await compute(), is_shared=False)
        if value is None and not fresh:
            # It may have landed between the caller's look into the cache and the lock.
            value = await self._found(key, token)
        if value is not None:
            return Landed(value, is_shared=True)
        return Landed(await self._held(key, token, compute), is_shared=False)

    async def _wait(self, key: str) -> tuple[str, bytes | None]:
        """The outcome that another one had, or else the lock.

        Raises:
            RedisAway: neither can be had.
        """
        async with self._wire.subscribe(_topic(key)) as messages:
            while True:
                # After the subscription: what landed before it is found by the lock being free.
                token, left_s = await self._take(key)
                if token:
                    return token, None
                value = await self._heard(key, messages, left_s)
                if value is not None:
                    return "", value

    async def _heard(self, key: str, messages: Subscription, left_s: float) -> bytes | None:
        """What the holder says; None when it is time to try for the lock."""
        try:
            async with asyncio.timeout(left_s):
                message = await anext(messages)
        except TimeoutError:
            return None
        if message is None or message == _GAVE_UP:
            return None
        if message == _IN_CACHE:
            return await self._cache.find(key)
        return await unpack(message.removeprefix(_LANDED))

    async def _found(self, key: str, token: str) -> bytes | None:
        """What is in the cache by now; the lock is then given back."""
        try:
            value = await self._cache.find(key)
        except BaseException:
            self._land(key, token, None)
            raise
        if value is not None:
            self._land(key, token, value)
        return value

    async def _held(self, key: str, token: str, compute: Callable[[], Awaitable[bytes]]) -> bytes:
        """The outcome of the computation, with the lock renewed until it is there."""
        renewing = asyncio.create_task(self._renew(key, token))
        value = None
        try:
            value = await compute()
        finally:
            renewing.cancel()
            self._land(key, token, value)
        return value

    async def _take(self, key: str) -> tuple[str, float]:
        """The token of the lock, or nothing and the seconds that another one may hold it yet."""
        keys = (self._name(key), f"{self._link.prefix}:fence")
        words = (self._nonce, str(math.ceil(self._lock_s * 1000)))
        token, left_ms = await self._link.ask(
            "flights", lambda redis: redis.eval(_TAKE, 2, *keys, *words)
        )
        return token.decode(), max(int(left_ms), 1) / 1000

    async def _renew(self, key: str, token: str) -> None:
        words = (token, str(math.ceil(self._lock_s * 1000)))
        held = 1
        while held:
            await asyncio.sleep(self._lock_s / 3)
            with contextlib.suppress(RedisAway):
                held = await self._link.ask(
                    "flights", lambda redis: redis.eval(_RENEW, 1, self._name(key), *words)
                )

    def _land(self, key: str, token: str, value: bytes | None) -> None:
        """Give the lock back and tell those who wait, while the caller goes on."""
        task = asyncio.create_task(self._landed(key, token, value))
        self._landing.add(task)
        task.add_done_callback(self._landing.discard)

    async def _landed(self, key: str, token: str, value: bytes | None) -> None:
        with contextlib.suppress(RedisAway):
            await self._link.ask(
                "flights", lambda redis: redis.eval(_RELEASE, 1, self._name(key), token)
            )
        message = _GAVE_UP if value is None else _LANDED + await pack(value)
        await self._wire.publish(
            _topic(key), message if len(message) <= MESSAGE_BYTES else _IN_CACHE
        )

    def _name(self, key: str) -> str:
        return f"{self._link.prefix}:flight:{key}"


def _topic(key: str) -> str:
    return f"flight:{key}"
