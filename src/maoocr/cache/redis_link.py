"""The way to one Redis, which may go away at any moment and costs nobody anything when it does.

The first command that cannot reach Redis opens the circuit: from then on every use fails at once,
without a look at the network, until a keeper in the background has found Redis again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ..telemetry.metrics import Metrics

__all__ = ["RedisAway", "RedisLink", "Use"]

log = logging.getLogger("maoocr.cache")

T = TypeVar("T")
Use = Literal["results", "flights", "wire", "rates"]

CONNECTIONS = 16
LONG_S = 5.0
TURNS = 10
"""Turns of the loop that a command may take at least."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 2.0
STEADY_S = 1.0
"""A Redis that is lost again sooner than this is looked for with growing patience."""


class RedisAway(Exception):
    """Redis cannot be reached, or would not do what it was asked. Never leaves this room."""


class RedisLink:
    """Connections to one Redis, with a circuit breaker.

    Attributes:
        prefix: what the names of all keys and channels begin with.
    """

    def __init__(self, url: str, prefix: str, command_s: float, metrics: Metrics) -> None:
        """Take the address; nothing is opened before `start`.

        Args:
            url: `redis://…`, `rediss://…` or `unix://…`.
            prefix: keeps apart what several installations keep in one Redis.
            command_s: seconds that one command may take.
            metrics: errors and the state of the circuit.
        """
        self.prefix = prefix
        self.pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            # Only for what would hang for ever: `ask` is the one who counts.
            timeout=LONG_S,
            socket_timeout=LONG_S,
            socket_connect_timeout=LONG_S,
            protocol=2,
            # Another try belongs to the keeper: here it would double what a caller waits.
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = Redis.from_pool(self.pool)
        self._command_s = command_s
        self._metrics = metrics
        self._ready = asyncio.Event()
        self._away = asyncio.Event()
        self._found_at = -STEADY_S
        self._failure = "It has not been looked for yet."
        self._keeper: asyncio.Task[None] | None = None
        metrics.redis_up.set(0)

    def start(self) -> None:
        """Begin to look for Redis."""
        self._away.set()
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Let all connections go."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        self._ready.clear()
        self._metrics.redis_up.set(0)
        await self._redis.aclose()
        await self.pool.disconnect()

    @property
    def is_ready(self) -> bool:
        """Redis answered when it was last asked."""
        return self._ready.is_set()

    @property
    def failure(self) -> str | None:
        """Why it is away, as a sentence; None while it is not."""
        return None if self.is_ready else self._failure

    async def wait_ready(self) -> None:
        """Return when Redis answers."""
        await self._ready.wait()

    def connection(self) -> AbstractConnection:
        """One that is not of the pool; nothing is opened yet."""
        made: AbstractConnection = self.pool.make_connection()  # type: ignore[no-untyped-call]
        return made

    async def ask(self, use: Use, command: Callable[["Redis"], Awaitable[T]]) -> T:
        """The answer to a command, or to several in one pipeline.

        Raises:
            RedisAway: at once while the circuit is open, else after the seconds of a command.
        """
        if not self.is_ready:
            raise RedisAway(self._failure)
        try:
            return await self._in_time(command(self._redis))
        except (RedisError, OSError, TimeoutError) as error:
            self._metrics.redis_errors.labels(use).inc()
            if _is_away(error):
                self.lost(_sentence(error))
            else:
                log.warning("Redis refused a command", extra={"use": use, "reason": str(error)})
            raise RedisAway(_sentence(error)) from error

    async def _in_time(self, command: Awaitable[T]) -> T:
        """The outcome, if it comes within the seconds of a command.

        Those are counted in turns of the loop: a loop that is busy with a crowd of requests would
        else take its own delay for that of Redis, and all of them would go on without it.
        """
        task = asyncio.ensure_future(command)
        task.add_done_callback(_seen)
        try:
            for _ in range(TURNS):
                done, _ = await asyncio.wait({task}, timeout=self._command_s / TURNS)
                if done:
                    return task.result()
            raise TimeoutError
        finally:
            task.cancel()

    async def ping(self) -> float:
        """Seconds that the smallest question takes.

        Raises:
            RedisAway: it is not answered.
        """
        started = time.monotonic()
        await self.ask("results", _ping)
        return time.monotonic() - started

    def lost(self, why: str) -> None:
        """Open the circuit; the keeper closes it."""
        self._failure = why
        if self.is_ready:
            log.warning("Redis lost", extra={"reason": why})
            self._metrics.redis_up.set(0)
            self._ready.clear()
            self._away.set()

    async def _keep(self) -> None:
        """Find Redis whenever it is away."""
        wait_s = FIRST_WAIT_S
        while True:
            await self._away.wait()
            if time.monotonic() - self._found_at < STEADY_S:
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                wait_s = FIRST_WAIT_S
            while not await self._find():
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            log.info("Redis found")
            self._found_at = time.monotonic()
            self._away.clear()
            self._metrics.redis_up.set(1)
            self._ready.set()

    async def _find(self) -> bool:
        try:
            # What lies in the pool may have been broken together with what was lost.
            await self.pool.disconnect(inuse_connections=False)
            await self._in_time(_ping(self._redis))
        except (RedisError, OSError, TimeoutError) as error:
            self._failure = _sentence(error)
            return False
        except Exception:
            log.exception("Redis cannot be looked for")
            self._failure = "It cannot be looked for; the log tells why."
            return False
        return True


async def _ping(redis: "Redis") -> Any:
    return await redis.execute_command("PING")  # type: ignore[no-untyped-call]


def _seen(task: "asyncio.Future[Any]") -> None:
    """Mark an error as seen: a caller who left does not look at it."""
    if not task.cancelled():
        task.exception()


def _is_away(error: Exception) -> bool:
    """Whether the way to Redis is broken, rather than one command wrong or refused."""
    kinds = (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError)
    return isinstance(error, kinds)


def _sentence(error: Exception) -> str:
    return str(error) or "Redis did not answer in time."
