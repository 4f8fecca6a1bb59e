"""What is asked of the engines of one gateway, and how the others follow."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from maoocr.cache.wire import MemoryWire
from maoocr.engines.profiles import EngineProfile
from maoocr.errors import Conflict, StoreUnavailable, UnknownEngine
from maoocr.pool import EngineStatus
from maoocr.service import engine_wishes
from maoocr.service.engine_states import EngineState, EngineStateName, Wanted
from maoocr.service.engine_wishes import EngineWishes
from maoocr.store.records import EngineWish

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STATUS = EngineStatus(None, (), 0, 0, 1.0, {}, ready=True, failure=None)
BUSY = "The engine spare has pages to read; try again when it is idle."


class House:
    """The engine `spare` of one gateway."""

    def __init__(self) -> None:
        self.name: EngineStateName = "ready"
        self.pages = 0
        self.done: list[str] = []
        self.changed = asyncio.Event()

    def states(self) -> Sequence[EngineState]:
        return [self.state("spare")]

    def state(self, engine: str) -> EngineState:
        profile = EngineProfile(engine)
        return EngineState(engine, self.name, f"It is {self.name}.", "", profile, STATUS)

    async def load(self, engine: str) -> None:
        await self.follow(engine, "loaded")

    async def unload(self, engine: str) -> None:
        await self.follow(engine, "unloaded")

    async def follow(self, engine: str, wanted: Wanted) -> None:
        if engine != "spare":
            raise UnknownEngine("There is no such engine.")
        if wanted == "unloaded" and self.pages:
            raise Conflict(BUSY)
        self.name = "ready" if wanted == "loaded" else "sleeping"
        self.done.append(wanted)
        self.changed.set()

    async def until(self, *done: str) -> None:
        async with asyncio.timeout(10):
            while self.done != list(done):
                self.changed.clear()
                await self.changed.wait()


class Rows:
    """The table that all share."""

    def __init__(self) -> None:
        self.wishes: dict[str, EngineWish] = {}
        self.is_away = False
        self.looks = 0

    async def all(self) -> list[EngineWish]:
        self._answer()
        self.looks += 1
        return list(self.wishes.values())

    async def keep(self, wish: EngineWish) -> None:
        self._answer()
        before = self.wishes.get(wish.engine)
        if before is None or before.since < wish.since:
            self.wishes[wish.engine] = wish

    def _answer(self) -> None:
        if self.is_away:
            raise StoreUnavailable("It is away.")


class Replica:
    """One gateway."""

    def __init__(self, wire: MemoryWire, rows: Rows, heard: bool | None, ahead_s: float) -> None:
        self.house = House()
        now = NOW + timedelta(seconds=ahead_s)
        self.wishes = EngineWishes(self.house, rows, wire, lambda: heard, lambda: now)

    def told(self) -> tuple[str, str] | None:
        other = self.wishes.other_than(self.house.state("spare"))
        return None if other is None else (other.wanted, other.reason)


Start = Callable[..., Awaitable[Replica]]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if holds():
                return
            await asyncio.sleep(0)


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest_asyncio.fixture
async def start(rows: Rows) -> AsyncIterator[Start]:
    """Starts gateways that share a wire, or (`alone`) the table only."""
    shared = MemoryWire()
    async with AsyncExitStack() as stack:

        async def another(
            *, alone: bool = False, heard: bool | None = None, pages: int = 0, ahead_s: float = 0.0
        ) -> Replica:
            replica = Replica(MemoryWire() if alone else shared, rows, heard, ahead_s)
            replica.house.pages = pages
            await stack.enter_async_context(replica.wishes.running())
            for _ in range(10):
                await asyncio.sleep(0)
            return replica

        yield another


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_wishes, "EVERY_S", 0.01)
    monkeypatch.setattr(engine_wishes, "AGAIN_S", 0.01)


async def test_all_follow_the_one_that_is_asked(start: Start) -> None:
    one, two = await start(), await start()
    assert await one.wishes.unload("spare") == ""
    await two.house.until("unloaded")
    assert await two.wishes.load("spare") == ""
    await one.house.until("unloaded", "loaded")
    assert two.house.done == ["unloaded", "loaded"]
    assert (one.told(), two.told()) == (None, None)


async def test_one_that_starts_later_follows_before_it_serves(start: Start) -> None:
    one = await start()
    await one.wishes.unload("spare")
    two = await start(alone=True)
    assert two.house.done == ["unloaded"]


@pytest.mark.usefixtures("at_once")
async def test_one_that_hears_nothing_looks_into_the_table(start: Start) -> None:
    one, two = await start(alone=True), await start(alone=True)
    await one.wishes.unload("spare")
    await two.house.until("unloaded")


async def test_who_has_missed_words_looks_at_once(rows: Rows) -> None:
    wire = MemoryWire()
    replica = Replica(wire, rows, None, 0.0)
    async with replica.wishes.running():
        await until(lambda: rows.looks == 2)
        rows.wishes["spare"] = EngineWish("spare", "unloaded", NOW)
        wire.miss()
        await replica.house.until("unloaded")


@pytest.mark.usefixtures("at_once")
async def test_pages_are_read_first(start: Start) -> None:
    one, two = await start(), await start(pages=1)
    await one.wishes.unload("spare")
    await until(lambda: two.told() == ("unloaded", BUSY))
    assert two.house.done == []
    two.house.pages = 0
    await two.house.until("unloaded")
    assert two.told() is None


async def test_one_that_cannot_do_it_asks_nobody(start: Start, rows: Rows) -> None:
    one, two = await start(pages=1), await start()
    with pytest.raises(Conflict, match="has pages to read"):
        await one.wishes.unload("spare")
    with pytest.raises(UnknownEngine):
        await one.wishes.unload("nobody")
    assert (rows.wishes, two.house.done) == ({}, [])


@pytest.mark.usefixtures("at_once")
async def test_a_wish_is_followed_once(start: Start, rows: Rows) -> None:
    one, two = await start(), await start()
    await one.wishes.unload("spare")
    await two.house.until("unloaded")
    two.house.name = "ready"
    looks = rows.looks
    await until(lambda: rows.looks > looks + 5)
    assert two.house.done == ["unloaded"]
    assert two.told() == ("unloaded", "It has been needed since.")
    assert one.told() is None


async def test_what_is_asked_last_counts_although_a_clock_is_late(start: Start) -> None:
    one, two = await start(ahead_s=60.0), await start()
    await one.wishes.unload("spare")
    await two.house.until("unloaded")
    await two.wishes.load("spare")
    await one.house.until("unloaded", "loaded")
    late = await start(alone=True)
    assert late.house.done == ["loaded"]


async def test_an_older_word_changes_nothing(start: Start, rows: Rows) -> None:
    one = await start()
    await one.wishes.load("spare")
    rows.wishes["spare"] = EngineWish("spare", "unloaded", NOW - timedelta(seconds=1))
    await one.wishes.load("spare")
    assert one.house.done == ["loaded", "loaded"]
    assert rows.wishes["spare"].wanted == "loaded"


async def test_an_engine_that_is_not_here_is_passed_over(start: Start, rows: Rows) -> None:
    rows.wishes["nobody"] = EngineWish("nobody", "unloaded", NOW)
    one, two = await start(), await start()
    await one.wishes.unload("spare")
    await two.house.until("unloaded")


@pytest.mark.usefixtures("at_once")
async def test_while_the_database_is_away_the_word_is_passed_and_kept_afterwards(
    start: Start, rows: Rows
) -> None:
    one, two = await start(heard=True), await start(heard=True)
    rows.is_away = True
    warning = await one.wishes.unload("spare")
    assert warning == (
        "The database is away: a gateway that starts meanwhile follows when it is back."
    )
    await two.house.until("unloaded")
    rows.is_away = False
    await until(lambda: "spare" in rows.wishes)
    assert (await start(alone=True)).house.done == ["unloaded"]


@pytest.mark.parametrize("heard", [False, None])
async def test_with_both_away_it_is_done_here_and_said_so(
    start: Start, rows: Rows, heard: bool | None
) -> None:
    one = await start(alone=True, heard=heard)
    rows.is_away = True
    warning = await one.wishes.unload("spare")
    assert warning == "The database is away: other gateways follow when it is back."
    assert one.house.done == ["unloaded"]


async def test_with_redis_away_the_table_tells_and_the_answer_says_so(start: Start) -> None:
    one = await start(alone=True, heard=False)
    warning = await one.wishes.unload("spare")
    assert warning == "Redis is away: other gateways follow within 5 s, not at once."


@pytest.mark.parametrize("state", ["absent", "broken", "sleeping"])
async def test_one_that_was_to_be_loaded_and_is_not_says_why(
    start: Start, state: EngineStateName
) -> None:
    one = await start()
    await one.wishes.load("spare")
    assert one.told() is None
    one.house.name = state
    assert one.told() == ("loaded", f"It is {state}.")


async def test_words_of_another_version_are_passed_over(rows: Rows) -> None:
    wire = MemoryWire()
    replica = Replica(wire, rows, None, 0.0)
    async with replica.wishes.running():
        await until(lambda: wire.has_listeners("engines"))
        await wire.publish("engines", b"\xc1")
        other = Replica(wire, rows, None, 0.0)
        await other.wishes.unload("spare")
        await replica.house.until("unloaded")
