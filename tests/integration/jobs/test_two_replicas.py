"""A job over two gateways that share a real Redis and a real Postgres, followed through either."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.fakes.documents import png, scan
from tests.fakes.replicas import new_prefix
from tests.integration.jobs.pair import JOBS, PATIENCE_S, Pair, pair
from tests.servers import PostgresServer, RedisServer

pytestmark = pytest.mark.integration

PAGE_S = 0.1
PAGES = 60


@pytest.fixture
def both(tmp_path: Path, postgres: PostgresServer, redis_server: RedisServer) -> Iterator[Pair]:
    name = f"test_{uuid.uuid4().hex}"

    async def create() -> None:
        connection = await asyncpg.connect(postgres.url())
        await connection.execute(f'CREATE DATABASE "{name}"')
        await connection.close()

    asyncio.run(create())
    settings = {
        "DATABASE_URL": postgres.url(name),
        "REDIS_URL": redis_server.url,
        "MAOOCR_CACHE__PREFIX": new_prefix(),
        # So long that news can only have come over the wire.
        "MAOOCR_JOBS__POLL_SECONDS": "5",
    }
    with pair(tmp_path, settings, PAGE_S) as both:
        yield both


def pages_read(both: Pair, name: str) -> int:
    """Pages that the lanes of a gateway have read since it was started."""
    text = httpx.get(both.url(name, "/metrics"), timeout=PATIENCE_S).text
    found = (line for line in text.splitlines() if line.startswith("maoocr_pages_total{"))
    return round(sum(float(line.rpartition(" ")[2]) for line in found))


def events(both: Pair, name: str, job: str) -> Iterator[tuple[str, str, Any]]:
    """Name, id and data of each event, as they come, until the end."""
    fields: dict[str, str] = {}
    with httpx.stream("GET", both.url(name, f"{JOBS}/{job}/events"), timeout=PATIENCE_S) as answer:
        for line in answer.iter_lines():
            if line:
                key, _, value = line.partition(": ")
                fields[key] = value
            elif "event" in fields:
                yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
                fields = {}


def test_events_reach_who_follows_through_the_replica_that_reads_nothing(both: Pair) -> None:
    # The one page of this document keeps a lane, and so whoever has it, from the others: seen by
    # what each of them has read.
    job = both.post("a", ("a.png", png("only page")))["id"]
    seen = {name: list(events(both, name, job)) for name in "ab"}
    assert sorted(pages_read(both, name) for name in "ab") == [0, 1]
    for found in seen.values():
        pages = [data for event, _, data in found if event == "page"]
        assert [(page["page"], page["status"]) for page in pages] == [(1, "done")]
        assert found[-1][2]["status"] == "succeeded"


def test_who_follows_sees_each_page_once_although_the_other_replica_is_killed(both: Pair) -> None:
    job = both.post("b", ("scan.pdf", scan(*(f"page {n}" for n in range(1, PAGES + 1)))))["id"]
    numbers: list[int] = []
    pages: list[int] = []
    last: Any = None
    for event, number, data in events(both, "a", job):
        last = data
        if event != "page":
            continue
        numbers.append(int(number))
        pages.append(data["page"])
        if len(pages) == PAGES // 3:
            assert pages_read(both, "b") > 0
            both.kill("b")
    assert last["status"] == "succeeded"
    assert numbers == list(range(1, PAGES + 1))
    assert sorted(pages) == numbers
    both.start("b")
    found = both.pages("b", job)
    assert sorted(line["text"] for line in found) == sorted(f"page {n}" for n in numbers)
    shown = both.show("b", job)
    assert (shown["pages_done"], shown["pages_failed"]) == (PAGES, 0)
