"""Redis or Postgres is stopped for a while under a load of single images over two replicas.

`--away-s 20` makes it longer, and `--log-cli-level INFO` shows the figures.
"""

import asyncio
import collections
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.documents import png
from tests.fakes.gateway import GatewayProcess
from tests.fakes.replicas import new_prefix
from tests.servers import PostgresServer, RedisServer

pytestmark = pytest.mark.integration

log = logging.getLogger("tests.away")

CALLERS = 8
PATIENCE_S = 120.0
BEFORE, AFTER = 30, 30
"""Answers while everything is there."""


@pytest.fixture
def postgres_there(tmp_path: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_there(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


class Load:
    """Callers that each send one image after the other, to both replicas in turn."""

    def __init__(self, replicas: list[httpx.AsyncClient]) -> None:
        self._replicas = replicas
        self._numbers = count()
        self._is_over = False
        self._callers: list[asyncio.Task[None]] = []
        self.kept: list[str] = []
        self.deferred = 0
        self.failed: list[str] = []
        self.slowest_s = 0.0

    def begin(self) -> None:
        self._callers = [asyncio.create_task(self._call()) for _ in range(CALLERS)]

    async def go_on(self, *, answers: int = 0, seconds: float = 0.0) -> None:
        """Return after so many more answers and at least so many seconds."""
        wanted, ends = len(self.kept) + answers, time.monotonic() + seconds
        async with asyncio.timeout(seconds + PATIENCE_S):
            while len(self.kept) < wanted or time.monotonic() < ends:
                await asyncio.wait(self._callers, timeout=0.02)
                assert not any(caller.done() for caller in self._callers)

    async def end(self) -> None:
        self._is_over = True
        await asyncio.gather(*self._callers)

    async def _call(self) -> None:
        while not self._is_over:
            number = next(self._numbers)
            # Every fourth was read before.
            text, began = str(number - number % 4 // 3), time.monotonic()
            replica = self._replicas[number % len(self._replicas)]
            answer = await replica.post("/api/ocr/recognize", files={"image": ("a", png(text))})
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            found = answer.json()
            if answer.status_code != 200 or found["text"] != text:
                self.failed.append(answer.text)
            else:
                self.kept.append(found["history_id"])
                self.deferred += found.get("history") == "deferred"


@asynccontextmanager
async def two_replicas(
    folder: Path, postgres: PostgresServer, redis: RedisServer
) -> AsyncIterator[list[httpx.AsyncClient]]:
    environment = {
        "DATABASE_URL": postgres.url(),
        "REDIS_URL": redis.url,
        "MAOOCR_CACHE__PREFIX": new_prefix(),
    }
    async with AsyncExitStack() as stack:
        clients = []
        for name in "ab":
            process = GatewayProcess(folder / name, environment)
            stack.callback(process.end)
            client = httpx.AsyncClient(base_url=process.url, timeout=PATIENCE_S, trust_env=False)
            clients.append(await stack.enter_async_context(client))
        await all_well(clients)
        yield clients


async def all_well(clients: list[httpx.AsyncClient]) -> None:
    """Return when both have everything, and the journal of neither holds a row."""
    async with asyncio.timeout(PATIENCE_S):
        for client in clients:
            while True:
                if await is_well(client):
                    break
                await asyncio.sleep(0.02)


async def is_well(client: httpx.AsyncClient) -> bool:
    try:
        ready = (await client.get("/readyz")).status_code == 200
    except httpx.ConnectError:
        # It is just being started.
        return False
    health = (await client.get("/health")).json()
    states = [health["checks"][name]["state"] for name in ("database", "redis")]
    metrics = (await client.get("/metrics")).text
    journal = "maoocr_history_journal_rows 0.0" in metrics
    return ready and states == ["ok", "ok"] and journal


async def history(client: httpx.AsyncClient) -> list[str]:
    """The ids of all of it."""
    ids: list[str] = []
    cursor = ""
    while True:
        query: dict[str, Any] = {"cursor": cursor, "limit": 100}
        page = (await client.get("/api/ocr/history", params=query)).json()
        ids += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return ids
        cursor = page["next_cursor"]


@pytest.mark.parametrize("gone", ["redis", "postgres"])
async def test_no_request_fails_and_every_answer_is_in_the_history_once(
    gone: str,
    tmp_path: Path,
    postgres_there: PostgresServer,
    redis_there: RedisServer,
    pytestconfig: pytest.Config,
) -> None:
    away_s: float = pytestconfig.getoption("away_s")
    server = redis_there if gone == "redis" else postgres_there
    async with two_replicas(tmp_path, postgres_there, redis_there) as replicas:
        load = Load(replicas)
        load.begin()
        await load.go_on(answers=BEFORE)
        await asyncio.to_thread(server.stop)
        before = len(load.kept)
        await load.go_on(seconds=away_s)
        meanwhile = len(load.kept) - before
        states = [(await replica.get("/health")).json()["checks"] for replica in replicas]
        check = "redis" if gone == "redis" else "database"
        assert {state[check]["state"] for state in states} == {"degraded"}
        await asyncio.to_thread(server.start)
        await all_well(replicas)
        await load.go_on(answers=AFTER)
        await load.end()
        await all_well(replicas)
        rows = collections.Counter(await history(replicas[0]))
        usage = (await replicas[1].get("/api/usage")).json()["items"]
        log.info(
            "%s away for %.0f s: %d requests, %d of them meanwhile, %d failed, slowest %.2f s;"
            " %d deferred; %d rows, %d of them more than once, %d answers without a row",
            *(gone, away_s, len(load.kept) + len(load.failed), meanwhile, len(load.failed)),
            *(load.slowest_s, load.deferred, rows.total(), rows.total() - len(rows)),
            len(set(load.kept) - set(rows)),
        )
        assert load.failed == []
        assert meanwhile > 0
        assert rows == collections.Counter(load.kept)
        assert sum(day["requests"] for day in usage) == len(load.kept)
        assert (load.deferred > 0) == (gone == "postgres")
