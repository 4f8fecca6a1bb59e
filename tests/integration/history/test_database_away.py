"""The database is killed under load, and the gateway while the database is away."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from maoocr.engines.fake import picture_of
from tests.fakes.gateway import GatewayProcess
from tests.servers import PostgresServer

pytestmark = pytest.mark.integration

PATIENCE_S = 90.0


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def gateway(
    folder: Path, database: str, ready: str = "/readyz"
) -> AsyncIterator[tuple[GatewayProcess, Any]]:
    process = GatewayProcess(folder, {"DATABASE_URL": database})
    try:
        async with httpx.AsyncClient(base_url=process.url, timeout=PATIENCE_S) as client:
            await until(client, ready, lambda answer: answer.status_code == 200)
            yield process, client
    finally:
        process.end()


async def until(client: httpx.AsyncClient, path: str, holds: Any) -> httpx.Response:
    """The first answer for which it holds."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await client.get(path)
            if holds(answer):
                return answer


async def healthy(client: httpx.AsyncClient) -> None:
    await until(
        client, "/health", lambda answer: answer.json()["checks"]["database"]["state"] == "ok"
    )


async def read(client: httpx.AsyncClient, token: str) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.fromarray(picture_of(token)).save(buffer, "PNG", compress_level=1)
    answer = await client.post("/api/ocr/recognize", files={"image": (token, buffer.getvalue())})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["text"] == token
    return found


async def kept(client: httpx.AsyncClient) -> list[str]:
    """The ids of the whole history."""
    ids: list[str] = []
    cursor = ""
    while True:
        page = (await client.get("/api/ocr/history", params={"cursor": cursor})).json()
        ids += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return ids
        cursor = page["next_cursor"]


async def journal_is_empty(client: httpx.AsyncClient) -> None:
    gauge = "maoocr_history_journal_rows 0.0"
    await until(client, "/metrics", lambda answer: gauge in answer.text)


async def test_a_killed_database_fails_no_request_and_every_answer_is_kept_once(
    tmp_path: Path, mortal: PostgresServer
) -> None:
    answers: list[dict[str, Any]] = []
    numbers = count()
    is_over = asyncio.Event()

    async def work(client: httpx.AsyncClient) -> None:
        while not is_over.is_set():
            answers.append(await read(client, f"load {next(numbers)}"))

    async def more(rows: int) -> None:
        ends = len(answers) + rows
        async with asyncio.timeout(PATIENCE_S):
            while len(answers) < ends:
                await asyncio.wait(workers, timeout=0.02)
                assert not any(worker.done() for worker in workers)

    async with gateway(tmp_path / "gateway", mortal.url()) as (_, client):
        workers = [asyncio.create_task(work(client)) for _ in range(4)]
        await more(20)
        await asyncio.to_thread(mortal.stop)
        await more(40)
        await asyncio.to_thread(mortal.start)
        await healthy(client)
        await more(20)
        is_over.set()
        await asyncio.gather(*workers)
        await journal_is_empty(client)
        assert sorted(await kept(client)) == sorted(answer["history_id"] for answer in answers)
    deferred = [answer for answer in answers if answer.get("history") == "deferred"]
    assert len(deferred) >= 30
    assert "history" not in answers[0]
    assert "history" not in answers[-1]


async def test_what_a_killed_gateway_journalled_is_replayed_by_the_next(
    tmp_path: Path, mortal: PostgresServer
) -> None:
    folder = tmp_path / "gateway"
    async with gateway(folder, mortal.url()) as (process, client):
        await healthy(client)
        first = await read(client, "before")
        await asyncio.to_thread(mortal.stop)
        later = [await read(client, f"away {number}") for number in range(5)]
        listed = await client.get("/api/ocr/history")
        assert listed.json()["error"]["code"] == "store_unavailable"
        health = await client.get("/health")
        assert health.status_code == 200
        assert health.json()["checks"]["database"]["state"] == "degraded"
        process.kill()
    assert [answer.get("history") for answer in (first, *later)] == [None, *["deferred"] * 5]
    await asyncio.to_thread(mortal.start)
    async with gateway(folder, mortal.url()) as (_, client):
        await journal_is_empty(client)
        # In the order in which they were given.
        given = [answer["history_id"] for answer in (first, *later)]
        assert await kept(client) == given[::-1]
    assert list((folder / "state" / "journal").iterdir()) == []


async def test_it_starts_without_the_database_and_serves_when_that_comes(
    tmp_path: Path, mortal: PostgresServer
) -> None:
    mortal.stop()
    async with gateway(tmp_path / "gateway", mortal.url(), ready="/livez") as (_, client):
        health = await client.get("/health")
        assert health.json()["checks"]["database"]["state"] == "degraded"
        # Whether there are API keys only the database knows, so nobody is let in before.
        refused = await client.get("/api/ocr/history")
        assert refused.json()["error"]["code"] == "store_unavailable"
        await asyncio.to_thread(mortal.start)
        await until(client, "/readyz", lambda answer: answer.status_code == 200)
        answer = await read(client, "at last")
        await journal_is_empty(client)
        assert await kept(client) == [answer["history_id"]]
