"""Rows on their way, with a store that does as it is told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from maoocr.errors import StorageFull, StoreUnavailable
from maoocr.service import recorder as module
from maoocr.service.recorder import Recorder
from maoocr.store.history_row import HistoryRow
from maoocr.store.journal import Journal
from maoocr.telemetry.metrics import Metrics
from tests.fakes.history_rows import history_row

POISON = "poison"


class Shelf:
    """A store and its database."""

    def __init__(self) -> None:
        self.rows: dict[str, HistoryRow] = {}
        self.calls: list[int] = []
        self.failure: Exception | None = None
        self.called = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.ready = asyncio.Event()
        self.ready.set()

    @property
    def is_ready(self) -> bool:
        return self.ready.is_set()

    async def wait_ready(self) -> None:
        await self.ready.wait()

    async def add(self, rows: Sequence[HistoryRow]) -> None:
        self.calls.append(len(rows))
        self.called.set()
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if any(row.name == POISON for row in rows):
            raise ValueError(POISON)
        for row in rows:
            self.rows.setdefault(row.id, row)

    def lose(self) -> None:
        self.ready.clear()
        self.failure = StoreUnavailable("away")

    def find(self) -> None:
        self.failure = None
        self.ready.set()


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shelf = Shelf()
        self.metrics = Metrics(CollectorRegistry())
        self.recorder = self.another()

    def another(self) -> Recorder:
        return Recorder(self.shelf, self.shelf, Journal(self.folder), self.metrics)

    def count(self, outcome: str) -> float:
        return float(self.metrics.history_rows.labels(outcome)._value.get())

    async def replayed(self) -> None:
        async with asyncio.timeout(10):
            while self.recorder.journal_rows:
                await asyncio.wait([asyncio.ensure_future(asyncio.sleep(0))])


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    await bench.recorder.start()
    yield bench
    bench.shelf.gate.set()
    await bench.recorder.close()


async def test_rows_that_wait_go_in_together(bench: Bench) -> None:
    bench.shelf.gate.clear()
    first = asyncio.create_task(bench.recorder.add(history_row("a")))
    await bench.shelf.called.wait()
    others = [asyncio.create_task(bench.recorder.add(history_row(str(n)))) for n in range(50)]
    await asyncio.sleep(0)
    bench.shelf.gate.set()
    assert set(await asyncio.gather(first, *others)) == {"kept"}
    assert bench.shelf.calls == [1, 50]
    assert bench.count("kept") == 51


async def test_a_row_is_kept_although_its_caller_left(bench: Bench) -> None:
    bench.shelf.gate.clear()
    leaving = asyncio.create_task(bench.recorder.add(history_row("a")))
    await asyncio.sleep(0)
    leaving.cancel()
    bench.shelf.gate.set()
    assert await bench.recorder.add(history_row("b")) == "kept"
    assert len(bench.shelf.rows) == 2


async def test_while_the_database_is_away_rows_wait_on_disk_and_then_come_in_order(
    bench: Bench,
) -> None:
    bench.shelf.lose()
    rows = [history_row(str(number), number) for number in range(5)]
    for row in rows:
        assert await bench.recorder.add(row) == "deferred"
    assert bench.recorder.journal_rows == 5
    bench.shelf.find()
    await bench.replayed()
    assert list(bench.shelf.rows.values()) == rows
    assert list(bench.folder.iterdir()) == []
    assert bench.count("replayed") == 5


async def test_a_commit_that_nobody_knows_the_end_of_makes_no_second_row(bench: Bench) -> None:
    """The database takes the row and dies before it says so."""
    row = history_row("a")
    bench.shelf.rows[row.id] = row
    bench.shelf.failure = StoreUnavailable("gone in the middle")
    assert await bench.recorder.add(row) == "deferred"
    bench.shelf.find()
    await bench.replayed()
    assert list(bench.shelf.rows) == [row.id]


async def test_nobody_waits_for_a_slow_database(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOW_S", 0.01)
    bench.shelf.gate.clear()
    assert await bench.recorder.add(history_row("a")) == "deferred"
    # The first is still at it, so this one does not even try.
    assert await bench.recorder.add(history_row("b")) == "deferred"
    bench.shelf.gate.set()
    await bench.replayed()
    assert len(bench.shelf.rows) == 2


async def test_a_full_disk_and_no_database_is_an_error_that_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Journal, records: Sequence[bytes]) -> None:
        raise StorageFull("full")

    bench.shelf.failure = StorageFull("full too")
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", refuse)
        with pytest.raises(StorageFull):
            await bench.recorder.add(history_row("a"))
    bench.shelf.find()
    assert await bench.recorder.add(history_row("b")) == "kept"


async def test_a_row_that_the_database_does_not_take_hurts_no_other(bench: Bench) -> None:
    bench.shelf.gate.clear()
    first = asyncio.create_task(bench.recorder.add(history_row("first")))
    await bench.shelf.called.wait()
    rows = [history_row("a"), history_row("b", name=POISON), history_row("c")]
    tasks = [asyncio.create_task(bench.recorder.add(row)) for row in rows]
    await asyncio.sleep(0)
    bench.shelf.gate.set()
    assert await asyncio.gather(first, *tasks) == ["kept", "kept", "refused", "kept"]


async def test_a_poison_row_of_the_journal_does_not_stop_the_rest(bench: Bench) -> None:
    bench.shelf.lose()
    for name in ("a", POISON, "c"):
        await bench.recorder.add(history_row("x", name=name))
    bench.shelf.find()
    await bench.replayed()
    assert [row.name for row in bench.shelf.rows.values()] == ["a", "c"]


async def test_what_waits_at_the_end_is_settled_and_the_journal_is_for_the_next_start(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    await bench.recorder.start()
    bench.shelf.lose()
    adding = [asyncio.create_task(bench.recorder.add(history_row(str(n), n))) for n in range(3)]
    await asyncio.sleep(0)
    await bench.recorder.close()
    assert await asyncio.gather(*adding) == ["deferred"] * 3
    bench.shelf.find()
    bench.recorder = bench.another()
    await bench.recorder.start()
    await bench.replayed()
    assert len(bench.shelf.rows) == 3
    await bench.recorder.close()
