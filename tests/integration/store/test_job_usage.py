"""What jobs read counts into the days of their owners, once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from maoocr.domain import PageError, PageResult, Spent
from maoocr.store.connecting import database_url as address
from maoocr.store.database import Database
from maoocr.store.ids import new_id
from maoocr.store.job_pages import JobPages
from maoocr.store.job_rows import Claim, NewFile, NewJob, Outcome, Read, Spoiled
from maoocr.store.jobs import JobStore
from maoocr.store.usage import UsageRows

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(address(database_url, Path()))
    database.start()
    async with asyncio.timeout(60):
        await database.wait_ready()
    yield database
    await database.close()


def page(number: int) -> PageResult:
    return PageResult(number, decode_s=0.25, recognize_s=0.5, spent=Spent(cost=0.125))


async def submit(database: Database, owner: str, pages: int, key: str | None = None) -> None:
    job = new_id()
    file = NewFile("a.pdf", "pdf", "f" * 64, 1, f"{job}/f", pages)
    new = NewJob(job, owner, 0, key, "h", "r", "{}", None, None, [file])
    await JobStore(database).create(new)


async def test_read_pages_count_once_and_failed_ones_do_not(database: Database) -> None:
    await submit(database, "a", 3)
    await submit(database, "b", 1)
    pages = JobPages(database, new_id(), 30.0)
    claims = [claim for _ in range(2) for claim in await pages.claim(10)]
    failure = Spoiled(PageError("engine_fault", "No.", retryable=False))
    outcomes: list[tuple[Claim, Outcome]]
    outcomes = [(claim, Read(page(claim.page))) for claim in claims]
    late = outcomes[0]
    outcomes[2:3] = [(claims[2], failure)]
    await pages.write(outcomes[:2])
    await pages.write(outcomes[2:])
    await pages.write([late])
    today = datetime.now(UTC).date()
    # A test at midnight has its pages on one of two days.
    found = await UsageRows(database).days(None, today - timedelta(days=1), today)
    by_owner = {day.owner: (day.requests, day.pages, day.seconds, day.cost) for day in found}
    assert by_owner == {"a": (1, 2, 1.5, 0.25), "b": (1, 1, 0.75, 0.125)}


async def test_a_job_that_is_asked_for_twice_is_one_request(database: Database) -> None:
    for _ in range(2):
        await submit(database, "a", 1, key="same")
    today = datetime.now(UTC).date()
    found = await UsageRows(database).days("a", today - timedelta(days=1), today)
    assert [(day.requests, day.pages) for day in found] == [(1, 0)]
