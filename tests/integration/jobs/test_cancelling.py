"""A large job that is cancelled half way over two gateways: both stop at once and write no more."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from maoocr.store.connecting import database_url as address
from maoocr.store.database import Database
from maoocr.store.tables import job_pages
from tests.fakes.documents import png, scan
from tests.fakes.replicas import new_prefix
from tests.integration.jobs.pair import JOBS, PATIENCE_S, Pair, pair
from tests.servers import RedisServer

pytestmark = pytest.mark.integration

PAGES = 300
PAGE_S = 0.5
LANES = 4
"""Of each gateway."""


@pytest.fixture
def both(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Iterator[Pair]:
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_server.url,
        "MAOOCR_CACHE__PREFIX": new_prefix(),
        "MAOOCR_POOL__LANES": str(LANES),
    }
    with pair(tmp_path, settings, PAGE_S) as both:
        yield both


def rows(database_url: str, job: str) -> list[tuple[Any, ...]]:
    """The pages of a job as they stand in the database."""

    async def read() -> list[tuple[Any, ...]]:
        database = Database(address(database_url, Path()))
        database.start()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await database.wait_ready()
            pages = select(job_pages).where(job_pages.c.job_id == job)
            async with database.read() as connection:
                found = await connection.execute(pages.order_by(job_pages.c.page))
                return [tuple(row) for row in found]
        finally:
            await database.close()

    return asyncio.run(read())


def engine(both: Pair, name: str) -> dict[str, Any]:
    """The engine of a gateway."""
    found = httpx.get(both.url(name, "/api/ocr/engines"), timeout=PATIENCE_S).json()["engines"]
    return dict(found[0])


def until_busy(both: Pair, lanes: int) -> None:
    ends = time.monotonic() + PATIENCE_S
    while {engine(both, name)["lanes_busy"] for name in "ab"} != {lanes}:
        assert time.monotonic() < ends
        threading.Event().wait(0.01)


def test_a_job_cancelled_half_way_frees_all_lanes_within_a_page_and_writes_no_more(
    both: Pair, database_url: str
) -> None:
    job = both.post("a", ("scan.pdf", scan(*(f"page {n}" for n in range(1, PAGES + 1)))))["id"]
    both.pages("b", job, most=PAGES // 2)
    until_busy(both, LANES)
    page_s = min(engine(both, name)["seconds_per_page"] for name in "ab")
    assert page_s >= PAGE_S
    # Asked of one gateway, while the other reads as many pages of it.
    cancelled = httpx.delete(both.url("a", f"{JOBS}/{job}"), timeout=PATIENCE_S).json()
    answered = time.monotonic()
    until_busy(both, 0)
    freed_s = time.monotonic() - answered
    assert freed_s < page_s
    assert cancelled["status"] == "cancelled"
    assert PAGES // 2 <= cancelled["pages_done"] < PAGES
    at_the_end = rows(database_url, job)
    done = [row for row in at_the_end if row[3] == "done"]
    assert len(done) == cancelled["pages_done"]
    assert {row[3] for row in at_the_end} == {"done", "cancelled"}
    # Whatever was still on its way would have been written before another job has ended.
    others = [both.post(name, (f"{name}.png", png(name)))["id"] for name in "ab"]
    for other in others:
        assert len(both.pages("a", other)) == 1
    assert rows(database_url, job) == at_the_end
    assert both.show("b", job) == cancelled
    assert len(both.pages("b", job)) == cancelled["pages_done"]
