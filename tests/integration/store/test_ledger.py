"""What answers cost is in the ledger once, and its sums are exact."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from maoocr.domain import PageError, PageResult, Spent
from maoocr.store.connecting import database_url as address
from maoocr.store.database import Database
from maoocr.store.history import HistoryTable
from maoocr.store.history_row import HistoryRow
from maoocr.store.ids import new_id
from maoocr.store.job_pages import JobPages
from maoocr.store.job_rows import Claim, NewFile, NewJob, Outcome, Read
from maoocr.store.jobs import JobStore
from maoocr.store.ledger import LedgerRows, Paid, SpendingRow
from maoocr.store.ledger_entry import LedgerEntry, entries_of, entry_of, nano
from maoocr.store.usage import UsageRows

pytestmark = pytest.mark.integration

NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))
Open = Callable[[], Awaitable[Database]]


@pytest_asyncio.fixture
async def replica(database_url: str) -> AsyncIterator[Open]:
    """Opens the database as another replica does."""
    opened: list[Database] = []

    async def another() -> Database:
        database = Database(address(database_url, Path()))
        opened.append(database)
        database.start()
        async with asyncio.timeout(60):
            await database.wait_ready()
        return database

    yield another
    for database in opened:
        await database.close()


def row(*entries: LedgerEntry, owner: str = "a", at: datetime | None = None) -> HistoryRow:
    moment = at or datetime(2026, 11, 22, 12, tzinfo=UTC)
    return msgspec.structs.replace(
        HistoryRow.of_chat(new_id(moment), moment, owner, "r", entries[0]), entries=entries
    )


CLOUD = LedgerEntry("page", "vlm", "cloud", 1, 2, 1001, 103, 250_000, 100_000_001)
LANE = LedgerEntry("page", "ppocr", "", 1, 0, 0, 0, 500_000, 0)


async def totals(database: Database, owner: str | None = None) -> dict[str, LedgerEntry]:
    found = await LedgerRows(database).sums(owner, *NOVEMBER)
    return {f"{each.owner} {each.entry.engine}": each.entry for each in found}


async def test_sums_are_exact_over_replicas_that_write_at_once(replica: Open) -> None:
    databases = [await replica() for _ in range(3)]

    async def write(database: Database, owner: str) -> None:
        table = HistoryTable(database)
        for _ in range(20):
            await table.add([row(CLOUD, LANE, owner=owner), row(LANE, owner="b")])

    await asyncio.gather(*(write(database, owner) for database in databases for owner in "ab"))
    found = await totals(databases[0])
    assert found["a vlm"].sums == tuple(60 * value for value in CLOUD.sums)
    assert found["b ppocr"].sums == tuple((60 + 120) * value for value in LANE.sums)
    assert set(await totals(databases[0], "b")) == {"b ppocr", "b vlm"}


@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_row_that_comes_again_is_counted_once(replica: Open, is_kept: bool) -> None:
    database = await replica()
    table, new = HistoryTable(database), row(CLOUD, LANE)
    new = msgspec.structs.replace(new, is_kept=is_kept, seconds=0.5, cost=0.5)
    other = row(LANE)
    await asyncio.gather(table.add([new]), table.add([new, other]), table.add([new, new]))
    # As the journal has it.
    await table.add([msgspec.msgpack.decode(msgspec.msgpack.encode(new), type=HistoryRow)])
    assert (await totals(database))["a vlm"] == CLOUD
    assert (await totals(database))["a ppocr"].pages == 2
    days = await UsageRows(database).days("a", *NOVEMBER)
    assert [(day.requests, day.seconds, day.cost) for day in days] == [(2, 1.0, 0.5)]


async def test_a_row_is_known_until_it_is_forgotten(replica: Open) -> None:
    database = await replica()
    table, new = HistoryTable(database), row(LANE)
    await table.add([new])
    await table.forget_counted(new.created_at - timedelta(days=1))
    await table.add([new])
    assert (await totals(database))["a ppocr"].pages == 1
    await table.forget_counted(new.created_at + timedelta(seconds=1))
    await table.add([new])
    assert (await totals(database))["a ppocr"].pages == 2


async def test_the_day_of_an_answer_is_that_of_utc(replica: Open) -> None:
    database = await replica()
    east, west = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
    moments = {
        "october": datetime(2026, 11, 1, 13, 59, 59, tzinfo=east),
        "first": datetime(2026, 11, 1, 14, tzinfo=east),
        "last": datetime(2026, 11, 30, 11, 59, 59, tzinfo=west),
        "december": datetime(2026, 11, 30, 12, tzinfo=west),
    }
    rows = [row(LANE, owner=name, at=moment) for name, moment in moments.items()]
    await HistoryTable(database).add(rows)
    assert set(await totals(database)) == {"first ppocr", "last ppocr"}


async def test_pages_of_jobs_are_counted_once_each(replica: Open) -> None:
    database = await replica()
    job = new_id()
    file = NewFile("a.pdf", "pdf", "f" * 64, 1, f"{job}/f", 3)
    await JobStore(database).create(NewJob(job, "a", 0, None, "h", "r", "{}", None, None, [file]))
    pages = JobPages(database, new_id(), 30.0)
    claims = [claim for _ in range(2) for claim in await pages.claim(10)]
    spent = Spent("cloud", 1, 1000, 100, 0.1)
    read = PageResult(1, engine="vlm", decode_s=0.25, recognize_s=0.5, spent=spent)
    outcomes: list[tuple[Claim, Outcome]] = [(claim, Read(read)) for claim in claims]
    outcomes[2] = (claims[2], Read(replace(read, decode_s=0, recognize_s=0, spent=None)))
    await pages.write(outcomes)
    await pages.write(outcomes)
    today = datetime.now(UTC).date()
    found = await LedgerRows(database).sums(None, today - timedelta(days=1), today)
    # The third page came from the cache and cost nothing.
    assert sum(each.entry.pages for each in found) == 2
    assert sum(each.entry.cost_nano for each in found) == 200_000_000


async def test_what_processes_paid_adds_up_however_often_they_write_it(replica: Open) -> None:
    database = await replica()
    rows, day = LedgerRows(database), date(2026, 11, 22)

    async def write(writer: str) -> None:
        for calls in range(1, 6):
            paid = Paid(calls, 10 * calls, calls, calls * 7)
            await rows.write_spending([SpendingRow(day, "cloud", writer, paid)] * 1)

    await asyncio.gather(*(write(new_id()) for _ in range(4)))
    assert await rows.paid(*NOVEMBER) == {"cloud": Paid(20, 200, 20, 140)}
    assert len(await rows.spending_of(day, ["cloud", "other"])) == 4
    assert await rows.spending_of(day + timedelta(days=1), ["cloud"]) == []


def test_an_entry_is_what_a_page_took() -> None:
    page = PageResult(1, engine="vlm", decode_s=0.1, recognize_s=0.2)
    assert entry_of(page) == LedgerEntry("page", "vlm", "", 1, busy_us=300_000)
    assert entry_of(replace(page, decode_s=0.0, recognize_s=0.0)) is None
    failed = replace(
        page, error=PageError("e", "No.", retryable=False), spent=Spent("c", 1, 2, 3, 4e-9)
    )
    assert entry_of(failed) == LedgerEntry("page", "vlm", "c", 0, 1, 2, 3, 300_000, 4)
    assert len(entries_of([page, page, failed])) == 2
    assert entries_of([page] * 10)[0].busy_us == 3_000_000


def test_money_is_rounded_once() -> None:
    assert nano(0.1) + nano(0.2) == nano(0.3) == 300_000_000
    assert nano(float("inf")) == nano(1e300) == 10**18
