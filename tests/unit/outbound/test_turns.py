"""Slow servers of one client do not keep the others from fetching."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from maoocr.outbound.turns import NoTurn, Turns


class Crowd:
    """Takes turns and keeps them until it is told."""

    def __init__(self, most: int) -> None:
        self.turns = Turns(most)
        self.begun: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._end = asyncio.Event()

    async def come(self, client: str, count: int = 1) -> None:
        self.tasks += [asyncio.create_task(self._take(client)) for _ in range(count)]
        for _ in range(5):
            await asyncio.sleep(0)

    async def leave(self) -> None:
        self._end.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _take(self, client: str) -> None:
        async with self.turns.turn(client):
            self.begun.append(client)
            await self._end.wait()

    def refused(self) -> int:
        return sum(isinstance(t.exception(), NoTurn) for t in self.tasks if t.done())


async def test_one_client_has_half_of_the_turns() -> None:
    crowd = Crowd(8)
    await crowd.come("anna", 10)
    assert crowd.begun == ["anna"] * 4
    await crowd.come("ben", 10)
    assert crowd.begun.count("ben") == 4
    await crowd.leave()
    assert len(crowd.begun) == 20


async def test_one_client_has_half_of_the_room() -> None:
    crowd = Crowd(2)
    await crowd.come("anna", 20)
    assert crowd.refused() == 15
    await crowd.come("ben", 20)
    assert crowd.refused() == 30
    await crowd.come("carl")
    assert crowd.refused() == 31
    await crowd.leave()
    assert crowd.turns.here == 0


async def test_a_lone_turn_is_everybodys() -> None:
    crowd = Crowd(1)
    await crowd.come("anna")
    await crowd.come("ben")
    assert crowd.begun == ["anna"]
    await crowd.leave()
    assert crowd.begun == ["anna", "ben"]


async def test_whoever_gives_up_leaves_nothing_behind() -> None:
    turns = Turns(1)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(turns.turn("anna"))
        waiting = asyncio.create_task(turns.turn("ben").__aenter__())
        await asyncio.sleep(0)
        assert turns.here == 2
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert (turns.here, turns._shares) == (0, {})
    async with turns.turn("carl"):
        assert turns.here == 1
