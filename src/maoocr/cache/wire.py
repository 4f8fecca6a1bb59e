"""Small messages by topic, to everyone who listens now: in this process, and over Redis beyond it.

Nothing is kept: who does not listen does not hear. So a listener is told when he may have missed
something, and then looks at the truth, which is in the database.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["MOST_WAITING", "MemoryWire", "Subscription"]

MOST_WAITING = 1000
"""Messages that may wait for one listener; the oldest make room, and he is told."""


class Subscription:
    """The messages of one topic, for one listener."""

    def __init__(self) -> None:
        self._waiting: deque[bytes | None] = deque()
        self._stir = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[bytes | None]:
        return self

    async def __anext__(self) -> bytes | None:
        """The next message; None when some may have been missed."""
        while not self._waiting:
            self._stir.clear()
            await self._stir.wait()
        return self._waiting.popleft()

    def hear(self, message: bytes) -> None:
        """Add a message."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._waiting[0] = None
        self._waiting.append(message)
        self._stir.set()

    def miss(self) -> None:
        """Tell that messages may have been missed."""
        if not self._waiting or self._waiting[-1] is not None:
            self._waiting.append(None)
        self._stir.set()


class MemoryWire:
    """The wire of one process."""

    def __init__(self) -> None:
        # Dictionaries for their order: who listened first hears first.
        self._listeners: dict[str, dict[Subscription, None]] = {}

    async def publish(self, topic: str, message: bytes) -> None:
        """Give the message to everyone who listens now."""
        self.deliver(topic, message)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[Subscription]:
        """Listen; what is published after this is entered will be heard."""
        subscription = Subscription()
        listeners = self._listeners.setdefault(topic, {})
        listeners[subscription] = None
        try:
            yield subscription
        finally:
            del listeners[subscription]
            if not listeners and self._listeners.get(topic) is listeners:
                del self._listeners[topic]

    def has_listeners(self, topic: str) -> bool:
        """Somebody listens to this topic."""
        return topic in self._listeners

    @property
    def topics(self) -> frozenset[str]:
        """Those that somebody listens to."""
        return frozenset(self._listeners)

    def deliver(self, topic: str, message: bytes) -> None:
        """Give a message to the listeners of this process, in the order in which they came."""
        for subscription in self._listeners.get(topic, ()):
            subscription.hear(message)

    def miss(self, topic: str | None = None) -> None:
        """Tell the listeners of one topic, or all, that messages may have been missed."""
        for name, listeners in self._listeners.items():
            if topic in {None, name}:
                for subscription in listeners:
                    subscription.miss()
