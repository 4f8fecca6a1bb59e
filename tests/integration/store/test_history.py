"""The history on both databases: rows, pages, search, filters, deletion, usage."""

import asyncio
import datetime
import zlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from maoocr.store.connecting import database_url as address
from maoocr.store.database import Database
from maoocr.store.history import HistoryTable
from maoocr.store.history_query import Filters
from maoocr.store.history_row import HistoryItem
from maoocr.store.search import parse_query
from maoocr.store.tables import usage
from tests.fakes.history_rows import START, history_row

pytestmark = pytest.mark.integration


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(address(database_url, Path()))
    database.start()
    async with asyncio.timeout(60):
        await database.wait_ready()
    yield database
    await database.close()


@pytest.fixture
def table(database: Database) -> HistoryTable:
    return HistoryTable(database)


def texts(items: Sequence[HistoryItem]) -> list[str]:
    return [msgspec.json.decode(item.answer)["text"] for item in items]


async def listed(table: HistoryTable, owner: str = "", **filters: object) -> list[str]:
    found = await table.page(owner, Filters(**filters), before=None, limit=100)  # type: ignore[arg-type]
    return texts(found.items)


async def searched(table: HistoryTable, query: str) -> set[str]:
    return set(await listed(table, wanted=parse_query(query)))


async def test_a_row_added_twice_is_there_once_and_counted_once(
    table: HistoryTable, database: Database
) -> None:
    rows = [history_row("a", 1, pages_done=3), history_row("b", 2, cost=0.25)]
    await table.add(rows)
    await table.add([*rows, history_row("c", 3, owner="o"), rows[0]])
    again = history_row("d", 4)
    await table.add([again, again])
    assert await listed(table) == ["d", "b", "a"]
    async with database.read() as connection:
        counted = [tuple(row) for row in await connection.execute(select(usage).order_by("owner"))]
    day = START.date()
    assert counted == [("", day, 3, 5, 1.5, 0.25), ("o", day, 1, 1, 0.5, 0.0)]


@pytest.mark.parametrize("there", [slice(0, 3), slice(30, 70), slice(97, 100)])
async def test_rows_that_are_there_are_passed_over_wherever_they_stand_among_many(
    table: HistoryTable, database: Database, there: slice
) -> None:
    rows = [history_row(str(number), number) for number in range(100)]
    await table.add(rows[there])
    await table.add(rows)
    assert sorted(map(int, await listed(table))) == list(range(100))
    async with database.read() as connection:
        assert await connection.scalar(select(usage.c.requests)) == 100


async def test_pages_neither_skip_nor_repeat_while_rows_come_in(table: HistoryTable) -> None:
    await table.add([history_row(str(number), number) for number in range(25)])
    seen: list[str] = []
    before: int | None = None
    for number in range(100, 200):
        page = await table.page("", Filters(), before=before, limit=4)
        seen += texts(page.items)
        before = page.next_before
        if before is None:
            break
        await table.add([history_row(str(number), number)])
    assert seen == [str(number) for number in reversed(range(25))]


async def test_long_answers_make_shorter_pages(table: HistoryTable) -> None:
    long = zlib.compress(msgspec.json.encode({"text": "x"})) + b"\0" * 1_500_000
    await table.add([history_row("x", number, answer=long) for number in range(3)])
    page = await table.page("", Filters(), before=None, limit=3)
    assert len(page.items) == 1
    assert page.next_before is not None


SHELF = (
    "Invoice 2024-117 from Müller GmbH",
    "你好吗 世界",
    "第3章 光学字符识别",
    "hello world, hello there",
    "東京タワー",
)


SEARCHES = {
    "invoice": {0},
    "INVO": {0},
    "MÜLLER invoice": {0},
    "2024-117": {0},
    "117-2024": set(),
    "好": {1},
    "吗": {1},
    "好吗": {1},
    "你好吗": {1},
    "你吗": set(),
    "世界 你好": {1},
    "字符": {2},
    "第3章": {2},
    "光学字符识别": {2},
    "光学识别": set(),
    "hello wor": {3},
    "wor hello": set(),
    "タワー": {4},
    "hello nothing": set(),
}
"""Queries, and which of the shelf they find."""


async def test_search(table: HistoryTable) -> None:
    await table.add([history_row(text, number) for number, text in enumerate(SHELF)])
    found = {query: await searched(table, query) for query in SEARCHES}
    assert found == {q: {SHELF[number] for number in which} for q, which in SEARCHES.items()}


async def test_no_query_is_an_error(table: HistoryTable) -> None:
    await table.add([history_row("a b")])
    odd = ["'", '"', "a & b", "a:*", "NEAR(a b)", "a OR b", "-a", "x" * 10_000, "é" * 500]
    for query in [*odd, "a\0b", "%_", "𠮷野家", "हिन्दी", "1e5 1.5 -3", "http://x.y/z?a=b", "🙂"]:
        await table.page("", Filters(wanted=parse_query(query)), before=None, limit=10)


async def test_words_far_into_a_long_document_are_found(table: HistoryTable) -> None:
    text = " ".join(f"w{number}" for number in range(40_000)) + " 光学字符 the-end"
    await table.add([history_row(text)])
    assert len(await searched(table, "光学字符")) == 1
    assert len(await searched(table, "the-end")) == 1
    assert len(await searched(table, "end-the")) == 0


async def test_filters(table: HistoryTable) -> None:
    await table.add(
        [
            history_row("old", 0),
            history_row("other engine", 10, engine="paddle"),
            history_row("receipt", 20, document_type="receipt"),
            history_row("doubtful", 30, confidence=0.2),
            history_row("theirs", 40, owner="o"),
        ]
    )
    minute = datetime.timedelta(minutes=1)
    assert await listed(table, engine="paddle") == ["other engine"]
    assert await listed(table, document_type="receipt") == ["receipt"]
    assert "doubtful" not in await listed(table, min_confidence=0.5)
    assert await listed(table, since=START + 20 * minute) == ["doubtful", "receipt"]
    assert await listed(table, until=START + 10 * minute) == ["old"]
    assert await listed(table, owner="o") == ["theirs"]
    assert await listed(table, wanted=parse_query("other"), engine="fake") == []


async def test_rows_are_seen_and_deleted_by_their_owner_only(table: HistoryTable) -> None:
    mine, theirs = history_row("mine", 1, thumbnail=b"webp"), history_row("theirs", 2, owner="o")
    await table.add([mine, theirs])
    assert await table.get("o", mine.id) is None
    assert await table.thumbnail("o", mine.id) is None
    assert await table.thumbnail("", mine.id) == b"webp"
    assert not await table.delete("o", mine.id)
    assert await table.delete("", mine.id)
    assert await table.get("", mine.id) is None
    assert await searched(table, "mine") == set()
    assert await listed(table, owner="o") == ["theirs"]


async def test_all_of_one_owner_are_deleted(table: HistoryTable) -> None:
    await table.add([history_row(str(number), number) for number in range(1203)])
    await table.add([history_row("theirs", 1, owner="o")])
    assert await table.delete_all("") == 1203
    assert await table.delete_all("") == 0
    assert await listed(table, owner="o") == ["theirs"]


async def test_retention_by_age_and_by_count(table: HistoryTable) -> None:
    await table.add([history_row(str(number), number) for number in range(10)])
    cutoff = START + datetime.timedelta(minutes=3)
    assert await table.prune(before=cutoff, max_rows=0) == 3
    assert await table.prune(before=None, max_rows=5) == 2
    assert await table.prune(before=None, max_rows=5) == 0
    assert await listed(table) == ["9", "8", "7", "6", "5"]
