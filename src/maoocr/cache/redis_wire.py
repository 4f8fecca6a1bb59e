"""The wire over Redis: one connection that listens for all topics of this process.

What is published here reaches the listeners of this process directly, with Redis or without it;
the copy that comes back is known by its sender and dropped.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from .redis_link import RedisAway, RedisLink
from .wire import MemoryWire, Subscription

__all__ = ["RedisWire"]

log = logging.getLogger("maoocr.cache")

PING_EVERY_S = 5.0
SILENCE_S = 12.0
"""A connection that stays silent for so long, pings unanswered, is broken."""
CONFIRM_S = 1.0
_SENDER_BYTES = 8


class RedisWire:
    """Publishes to, and hears of, all processes that share the Redis."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._near = MemoryWire()
        self._sender = os.urandom(_SENDER_BYTES)
        self._channel = f"{link.prefix}:wire:"
        self._connection: AbstractConnection | None = None
        self._orders: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
        self._confirmed: dict[str, asyncio.Event] = {}
        self._whole = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Stop listening."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})

    async def wait_whole(self) -> None:
        """Return when the messages of other processes are heard."""
        await self._whole.wait()

    async def publish(self, topic: str, message: bytes) -> None:
        """Give the message to everyone who listens now; beyond this process, if Redis is there."""
        self._near.deliver(topic, message)
        with contextlib.suppress(RedisAway):
            await self._link.ask(
                "wire", lambda redis: redis.publish(self._channel + topic, self._sender + message)
            )

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[Subscription]:
        """Listen; what is published after this is entered will be heard.

        Where other processes cannot be heard yet, the first message is None.
        """
        async with self._near.subscribe(topic) as subscription:
            if not await self._reach(topic):
                subscription.miss()
            yield subscription

    async def _reach(self, topic: str) -> bool:
        """Have Redis confirm the topic."""
        connection = self._connection
        if connection is None:
            return False
        confirmed = self._confirmed.get(topic)
        if confirmed is None:
            confirmed = self._confirmed[topic] = asyncio.Event()
            self._orders.put_nowait(("SUBSCRIBE", self._channel + topic))
        try:
            async with asyncio.timeout(CONFIRM_S):
                await confirmed.wait()
        except TimeoutError:
            return False
        return self._connection is connection and self._whole.is_set()

    async def _keep(self) -> None:
        """Have a connection whenever there is a Redis."""
        while True:
            await self._link.wait_ready()
            connection = self._link.connection()
            try:
                await self._listen(connection)
            except (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError) as error:
                self._link.lost(str(error) or "Redis fell silent.")
            except Exception:
                log.exception("messages of other processes cannot be heard")
                await asyncio.sleep(PING_EVERY_S)
            finally:
                self._whole.clear()
                self._connection = None
                self._forget()
                await connection.disconnect(nowait=True)

    def _forget(self) -> None:
        """Nothing is confirmed any more; who waits for it is told."""
        confirmed, self._confirmed = self._confirmed, {}
        for event in confirmed.values():
            event.set()
        self._near.miss()

    async def _listen(self, connection: AbstractConnection) -> None:
        await connection.connect()  # type: ignore[no-untyped-call]
        self._connection = connection
        self._orders = asyncio.Queue()
        self._confirmed = {topic: asyncio.Event() for topic in self._near.topics}
        wanted = list(self._confirmed.values())
        if wanted:
            channels = [self._channel + topic for topic in self._confirmed]
            self._orders.put_nowait(("SUBSCRIBE", *channels))
        writer = asyncio.create_task(self._write(connection))
        try:
            while True:
                if not self._whole.is_set() and all(event.is_set() for event in wanted):
                    self._whole.set()
                    # What was said between the two connections, nobody here heard.
                    self._near.miss()
                answer = await connection.read_response(disable_decoding=True, timeout=SILENCE_S)
                if answer is None:
                    raise TimeoutError("Redis fell silent.")
                if isinstance(answer, list):
                    self._take(answer)
        finally:
            writer.cancel()
            await asyncio.wait({writer})

    def _take(self, answer: list[object]) -> None:
        kind, channel = answer[0], answer[1]
        if not isinstance(channel, bytes):
            return
        topic = channel.decode().removeprefix(self._channel)
        if kind == b"subscribe" and topic in self._confirmed:
            self._confirmed[topic].set()
        elif kind == b"message" and isinstance(answer[2], bytes):
            sender, message = answer[2][:_SENDER_BYTES], answer[2][_SENDER_BYTES:]
            if sender != self._sender:
                self._near.deliver(topic, message)

    async def _write(self, connection: AbstractConnection) -> None:
        """Send what is ordered, in order; keep the connection from falling silent."""
        with contextlib.suppress(RedisError, OSError):
            while connection.is_connected:
                try:
                    async with asyncio.timeout(PING_EVERY_S):
                        order = await self._orders.get()
                except TimeoutError:
                    self._let_go()
                    order = ("PING",)
                await connection.send_command(*order)

    def _let_go(self) -> None:
        """Let Redis forget topics that nobody listens to any more."""
        # Only what was confirmed: else a confirmation on its way would be taken for the next one's.
        idle = [
            topic
            for topic, confirmed in self._confirmed.items()
            if confirmed.is_set() and not self._near.has_listeners(topic)
        ]
        for topic in idle:
            del self._confirmed[topic]
        if idle:
            self._orders.put_nowait(("UNSUBSCRIBE", *(self._channel + topic for topic in idle)))
