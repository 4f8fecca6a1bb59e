"""Whose turn it is to fetch: a few at once, half of them for one client, and few who wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

__all__ = ["NoTurn", "Turns"]

_WAITING_PER_TURN = 4


class NoTurn(Exception):
    """Too many are here already."""


@dataclass(slots=True)
class _Share:
    """What one client has.

    Attributes:
        turns: those that he may take at once.
        here: how many of his wait or have their turn.
    """

    turns: asyncio.Semaphore
    here: int = 0


class Turns:
    """Slow servers hold a turn for as long as they may; they must not hold everybody's."""

    def __init__(self, most: int) -> None:
        """Make turns.

        Args:
            most: at once; four times as many may wait. One client has half of both at most.
        """
        self.most = most
        self.here = 0
        self._slots = asyncio.Semaphore(most)
        self._shares: dict[str, _Share] = {}

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """Wait for a turn and have it; in the order of arrival.

        Raises:
            NoTurn: too many wait, or too many of this client do.
        """
        places = self.most * (1 + _WAITING_PER_TURN)
        share = self._shares.get(client) or _Share(asyncio.Semaphore((self.most + 1) // 2))
        if self.here >= places or share.here >= (places + 1) // 2:
            raise NoTurn
        self._shares[client] = share
        share.here += 1
        self.here += 1
        try:
            async with share.turns, self._slots:
                yield
        finally:
            self.here -= 1
            share.here -= 1
            if not share.here:
                del self._shares[client]
