"""A daily budget over replicas, restarts and outages."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from maoocr.cache.wire import MemoryWire
from maoocr.errors import EndpointUnavailable
from maoocr.service import costs_spending
from maoocr.service.costs_spending import Spendings
from maoocr.service.ports import Wire
from maoocr.store.connecting import database_url as address
from maoocr.store.database import Database
from maoocr.store.ledger import LedgerRows, Paid, SpendingRow
from maoocr.telemetry.metrics import Metrics
from maoocr.vllm.budget import Budget, Spending
from tests.fakes.replicas import replicas
from tests.fakes.vlm_endpoints import Caller, Rig
from tests.servers import RedisServer

pytestmark = pytest.mark.integration

DAY = date(2026, 1, 1)
"""On which every rig lives."""


class Ear:
    """A budget that tells when it learns something."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.daily = budget.daily
        self.heard = asyncio.Event()

    @property
    def left(self) -> float | None:
        return self._budget.left

    @property
    def own(self) -> dict[date, Spending]:
        return self._budget.own

    def on_spending(self, listener: Callable[[], None]) -> None:
        self._budget.on_spending(listener)

    def told(self, day: date, writer: str, cost_nano: int) -> None:
        self._budget.told(day, writer, cost_nano)
        self.heard.set()


class Rows(LedgerRows):
    """Tells when something was written."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.written = asyncio.Event()

    async def write_spending(self, rows: Sequence[SpendingRow]) -> None:
        await super().write_spending(rows)
        self.written.set()


class Replica:
    """Endpoints with their budgets, as one process has them."""

    def __init__(self, rig: Rig, database: Database, wire: Wire) -> None:
        self.rig = rig
        self.budget = rig.members[0].budget
        self.rows = Rows(database)
        self.ear = Ear(self.budget)
        self.spendings = Spendings(
            {"cloud": self.ear}, self.rows, wire, rig.metrics, lambda: rig.day
        )

    async def ask_until_spent(self, most: int = 1000) -> int:
        for calls in range(most):
            if not self.rig.members[0].may_call:
                failure = await self.rig.fails(EndpointUnavailable)
                assert "daily_budget" in str(failure)
                return calls
            await self.rig.ask()
        raise AssertionError("The budget never ends.")

    async def reach(self, spent: float) -> None:
        """Until this much is known of."""
        async with asyncio.timeout(20):
            while self.budget.spent < spent - 1e-9:
                self.ear.heard.clear()
                await self.ear.heard.wait()


Start = Callable[..., Awaitable[Replica]]


@pytest_asyncio.fixture
async def start(database_url: str) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def another(wire: Wire | None = None, *, runs: bool = True) -> Replica:
            database = Database(address(database_url, Path()))
            database.start()
            stack.push_async_callback(database.close)
            async with asyncio.timeout(60):
                await database.wait_ready()
            cloud = Caller("cloud", price_per_page=0.1, daily_budget=1.0)
            replica = Replica(Rig(cloud), database, wire or MemoryWire())
            if runs:
                await stack.enter_async_context(replica.spendings.running())
            return replica

        yield another


async def test_a_restart_forgets_nothing(start: Start) -> None:
    first: Replica = await start(runs=False)
    async with first.spendings.running():
        for _ in range(7):
            await first.rig.ask()
    second: Replica = await start()
    assert second.budget.spent == pytest.approx(0.7)
    assert await second.ask_until_spent() == 3


async def test_replicas_without_a_redis_learn_of_each_other_from_the_rows(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs_spending, "GATHER_S", 0.0)
    monkeypatch.setattr(costs_spending, "EVERY_S", 0.05)
    one: Replica = await start()
    two: Replica = await start()
    for _ in range(6):
        await one.rig.ask()
    await two.reach(0.6)
    assert await two.ask_until_spent() == 4
    await one.reach(1.0)
    assert await one.ask_until_spent() == 0


async def test_replicas_with_a_redis_tell_each_other_at_once(
    start: Start,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nothing is written or read in between: what is known came over the wire.
    monkeypatch.setattr(costs_spending, "GATHER_S", 600.0)
    async with replicas(redis_server.url) as another:
        one: Replica = await start((await another()).wire)
        two: Replica = await start((await another()).wire)
        calls = [0, 0]
        async with asyncio.timeout(30):
            while one.rig.members[0].may_call or two.rig.members[0].may_call:
                for number, replica in enumerate((one, two)):
                    if replica.rig.members[0].may_call:
                        await replica.rig.ask()
                        calls[number] += 1
                known = sum(calls) * 0.1
                await asyncio.gather(one.reach(known), two.reach(known))
        assert sum(calls) in {10, 11}
        assert min(calls) >= 5


async def test_what_was_spent_while_the_database_was_away_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs_spending, "GATHER_S", 0.0)
    folder = tmp_path / "later"
    folder.write_text("in the way")
    database = Database(address(f"sqlite:///{folder}/test.db", Path()))
    replica = Replica(
        Rig(Caller("cloud", price_per_page=0.1, daily_budget=1.0)), database, wire=MemoryWire()
    )
    database.start()
    async with replica.spendings.running():
        assert await replica.ask_until_spent() == 10
        folder.unlink()
        folder.mkdir()
        async with asyncio.timeout(30):
            await replica.rows.written.wait()
    assert await replica.rows.paid(DAY, DAY) == {"cloud": Paid(10, 10_000, 1_000, 10**9)}
    await database.close()


async def test_a_new_day_begins_with_nothing_and_the_old_one_is_still_written(
    start: Start,
) -> None:
    replica: Replica = await start(runs=False)
    async with replica.spendings.running():
        assert await replica.ask_until_spent() == 10
        replica.rig.day = date(2026, 1, 2)
        await replica.rig.ask()
        assert replica.budget.spent == pytest.approx(0.1)
    paid = [await replica.rows.paid(day, day) for day in (DAY, replica.rig.day)]
    assert [found["cloud"].cost_nano for found in paid] == [10**9, 10**8]


async def test_without_endpoints_nothing_runs(start: Start) -> None:
    replica: Replica = await start(runs=False)
    idle = Spendings({}, replica.rows, MemoryWire(), Metrics(CollectorRegistry()))
    before = len(asyncio.all_tasks())
    async with idle.running():
        assert len(asyncio.all_tasks()) == before
    assert Budget(None).left is None
