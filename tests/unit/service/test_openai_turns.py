import asyncio

import pytest

from maoocr.errors import DeadlineExceeded, Overloaded
from maoocr.service.openai_room import Room
from maoocr.service.openai_turns import Turns


class Calls:
    """Calls that last until they are let go, one after the other."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.begun: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self, *names: str, wait_s: float = 60) -> None:
        for name in names:
            self.gates[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._call(name, wait_s))
            await settle()

    async def end(self, name: str) -> None:
        self.gates[name].set()
        await self.tasks[name]
        await settle()

    async def _call(self, name: str, wait_s: float) -> None:
        async with self.turns.turn(name[0], asyncio.get_running_loop().time() + wait_s):
            self.begun.append(name)
            await self.gates[name].wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_take_turns() -> None:
    waiting: list[int] = []
    calls = Calls(Turns(1, 10, waiting.append))
    await calls.begin("a1", "a2", "a3", "a4", "b1", "c1", "b2")
    assert (calls.begun, waiting[-1]) == (["a1"], 6)
    for _ in range(7):
        await calls.end(calls.begun[-1])
    assert calls.begun == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]
    assert waiting[-1] == 0


async def test_only_so_many_at_once_and_only_so_many_wait() -> None:
    calls = Calls(Turns(2, 2))
    await calls.begin("a1", "a2", "a3", "b1", "c1")
    assert calls.begun == ["a1", "a2"]
    with pytest.raises(Overloaded, match="V1_MAX_WAITING") as raised:
        await calls.tasks["c1"]
    assert raised.value.retry_after_s
    assert raised.value.retry_after_s > 0
    for name in ("a1", "a2", "a3", "b1"):
        await calls.end(name)
    assert calls.begun == ["a1", "a2", "a3", "b1"]


async def test_who_leaves_gives_his_place_up() -> None:
    calls = Calls(Turns(1, 10))
    await calls.begin("a1", "b1", "c1")
    calls.tasks["b1"].cancel()
    await settle()
    assert calls.turns.waiting == 1
    calls.tasks["a1"].cancel()
    await settle()
    assert calls.begun == ["a1", "c1"]
    await calls.end("c1")


async def test_who_leaves_when_his_turn_comes_hands_it_on() -> None:
    calls = Calls(Turns(1, 10))
    await calls.begin("a1", "b1", "c1")
    calls.gates["a1"].set()
    await calls.tasks["a1"]
    # His turn has come, but he has not been told of it yet.
    calls.tasks["b1"].cancel()
    await settle()
    assert calls.begun[-1] in {"b1", "c1"}
    await calls.end("c1")
    await calls.begin("d1")
    assert calls.begun[-1] == "d1"
    await calls.end("d1")


async def test_waiting_has_an_end() -> None:
    calls = Calls(Turns(1, 10))
    await calls.begin("a1")
    await calls.begin("b1", wait_s=0.01)
    with pytest.raises(DeadlineExceeded, match="MAOOCR_LIMITS__REQUEST_SECONDS"):
        await calls.tasks["b1"]
    assert calls.turns.waiting == 0
    await calls.end("a1")


def test_bodies_have_room_together() -> None:
    room = Room(100)
    with room.hold() as one:
        one.add(60)
        with room.hold() as other:
            other.add(40)
            with pytest.raises(Overloaded, match="they may hold 100"):
                other.add(1)
        assert room.used == 60
    assert room.used == 0
