"""What is counted is counted once, whatever becomes of the database meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from maoocr.service import recorder as module
from maoocr.service.costs import Costs
from maoocr.service.recorder import Recorder
from maoocr.settings import CostSettings
from maoocr.store.connecting import database_url as address
from maoocr.store.database import Database
from maoocr.store.history import HistoryTable
from maoocr.store.journal import Journal
from maoocr.store.ledger import LedgerRows
from maoocr.telemetry.metrics import Metrics
from tests.servers import PostgresServer

pytestmark = pytest.mark.integration

CHATS = 40


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[tuple[Costs, Recorder, Database]]:
    database = Database(address(url, Path()))
    database.start()
    async with asyncio.timeout(60):
        await database.wait_ready()
    table = HistoryTable(database)
    recorder = Recorder(table, database, Journal(folder), Metrics(CollectorRegistry()))
    await recorder.start()
    try:
        yield Costs(recorder, LedgerRows(database), CostSettings(), {}, {}), recorder, database
    finally:
        await recorder.close()
        await database.close()


async def chat(costs: Costs) -> None:
    await costs.record_chat(
        "a", "r", "vlm", "cloud", input_tokens=3, output_tokens=1, seconds=0.1, cost=0.1
    )


async def counted(costs: Costs, database: Database) -> tuple[int, int, int]:
    today = datetime.now(UTC).date()
    sums = await LedgerRows(database).sums(None, today - timedelta(days=1), today)
    entries = [each.entry for each in sums]
    return (
        sum(entry.calls for entry in entries),
        sum(entry.input_tokens for entry in entries),
        sum(entry.cost_nano for entry in entries),
    )


async def replayed(recorder: Recorder, emptied: asyncio.Event) -> None:
    async with asyncio.timeout(60):
        while recorder.journal_rows:
            emptied.clear()
            await emptied.wait()


def telling(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set whenever a journal has lost a file."""
    emptied, remove, running = asyncio.Event(), Journal.remove, asyncio.get_running_loop()

    def removing(journal: Journal, segment: object) -> None:
        remove(journal, segment)  # type: ignore[arg-type]
        running.call_soon_threadsafe(emptied.set)

    monkeypatch.setattr(Journal, "remove", removing)
    return emptied


async def test_a_row_that_went_both_ways_counts_once(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every write is given up at once, takes place nevertheless, and is written once more.
    monkeypatch.setattr(module, "SLOW_S", 0.0)
    emptied = telling(monkeypatch)
    async with opened(database_url, tmp_path / "journal") as (costs, recorder, database):
        await asyncio.gather(*(chat(costs) for _ in range(CHATS)))
        for _ in range(3):
            await chat(costs)
        await replayed(recorder, emptied)
        total = CHATS + 3
        assert await counted(costs, database) == (total, 3 * total, total * 10**8)


async def test_what_was_counted_while_the_database_was_away_is_counted_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied = telling(monkeypatch)
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    try:
        async with opened(server.url(), tmp_path / "journal") as (costs, recorder, database):
            await chat(costs)
            await asyncio.to_thread(server.stop)
            await asyncio.gather(*(chat(costs) for _ in range(CHATS)))
            assert recorder.journal_rows == CHATS
            await asyncio.to_thread(server.start)
            await replayed(recorder, emptied)
            total = CHATS + 1
            assert await counted(costs, database) == (total, 3 * total, total * 10**8)
    finally:
        await asyncio.to_thread(server.stop)


async def test_a_journal_that_a_process_left_is_counted_by_the_next(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal")
    async with opened(database_url, tmp_path / "first") as (costs, recorder, _):
        rows: list[object] = []
        monkeypatch.setattr(recorder, "add", lambda row: _put(rows, row))
        await chat(costs)
    records = [module._encoder.encode(row) for row in rows]
    journal.append(records * 2)
    journal.close()
    emptied = telling(monkeypatch)
    async with opened(database_url, tmp_path / "journal") as (costs, recorder, database):
        await replayed(recorder, emptied)
        assert await counted(costs, database) == (1, 3, 10**8)


async def _put(rows: list[object], row: object) -> str:
    rows.append(row)
    return "kept"
