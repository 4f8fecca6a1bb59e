"""Engines that come and go in all gateways, although one of them is asked."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from maoocr.service.callers import SCOPES
from maoocr.service.engine_wishes import EVERY_S
from maoocr.service.keys import Keys
from maoocr.store.connecting import database_url
from maoocr.store.database import Database
from maoocr.store.keys import KeyRows
from tests.fakes.documents import png
from tests.fakes.gateway import GatewayProcess
from tests.fakes.replicas import new_prefix
from tests.fakes.vlm_server import Say, VlmServer
from tests.servers import RedisServer

pytestmark = pytest.mark.integration

PAGE_S = 1.0
PATIENCE_S = 60.0
ROUNDS = 5
BUSY = "The engine spare has pages to read; try again when it is idle."

Start = Callable[..., GatewayProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts gateways that share a folder for their state, as those of one host do."""
    running: list[GatewayProcess] = []
    prefix = new_prefix()

    def another(**environment: str) -> GatewayProcess:
        shared = {
            "MAOOCR_STATE_DIR": str(tmp_path / "state"),
            "MAOOCR_CACHE__PREFIX": prefix,
            "MAOOCR_CACHE__MAX_BYTES": "0",
        }
        folder = tmp_path / f"gateway{len(running)}"
        gateway = GatewayProcess(folder, shared | environment, (), ["spare"], delay_s=PAGE_S)
        running.append(gateway)
        return gateway

    yield another
    for gateway in running:
        gateway.end()


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the test may kill."""
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """With a key that all of them know."""
    database = Database(database_url("", tmp_path / "state"))
    database.start()
    async with asyncio.timeout(PATIENCE_S):
        await database.wait_ready()
    _, secret = await Keys(KeyRows(database)).create("admin", list(SCOPES))
    await database.close()
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(timeout=PATIENCE_S, headers=headers) as client:
        yield client


async def engine(client: httpx.AsyncClient, gateway: GatewayProcess, name: str) -> dict[str, Any]:
    """What it tells of one engine; nothing while it cannot be reached."""
    try:
        answer = await client.get(f"{gateway.url}/api/ocr/engines")
    except httpx.TransportError:
        return {}
    engines = answer.json()["engines"] if answer.status_code == 200 else []
    return next((it for it in engines if it["name"] == name), {})


async def until(
    client: httpx.AsyncClient, gateway: GatewayProcess, name: str, **wanted: object
) -> dict[str, Any]:
    """What it tells of the engine, once that is so."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            told = await engine(client, gateway, name)
            if told and wanted.items() <= told.items():
                return told
            await asyncio.sleep(0.02)


async def ready(client: httpx.AsyncClient, *gateways: GatewayProcess, redis: bool = False) -> None:
    for gateway in gateways:
        await until(client, gateway, "fake", state="ready")
        await until(client, gateway, "spare", state="ready")
        checks: dict[str, Any] = {}
        while redis and checks.get("redis", {}).get("state") != "ok":
            checks = (await client.get(f"{gateway.url}/health")).json()["checks"]


async def change(
    client: httpx.AsyncClient, gateway: GatewayProcess, name: str, what: str
) -> tuple[int, dict[str, Any]]:
    answer = await client.post(f"{gateway.url}/api/ocr/engines/{name}/{what}")
    return answer.status_code, answer.json()


async def read(client: httpx.AsyncClient, gateway: GatewayProcess, name: str, text: str) -> str:
    """Who has read the page that this engine was asked to read."""
    answer = await client.post(
        f"{gateway.url}/api/ocr/recognize",
        files={"file": ("a.png", png(text))},
        data={"engine": name},
    )
    assert answer.status_code == 200, answer.text
    [page] = answer.json()["pages"]
    return str(page["engine"])


async def test_with_redis_the_other_follows_at_once(
    start: Start, mortal: RedisServer, client: httpx.AsyncClient
) -> None:
    one, two = start(REDIS_URL=mortal.url), start(REDIS_URL=mortal.url)
    await ready(client, one, two, redis=True)
    took_s = 0.0
    for _ in range(ROUNDS):
        status, told = await change(client, one, "spare", "unload")
        began = time.monotonic()
        assert (status, told["state"], told["warning"]) == (200, "sleeping", None)
        await until(client, two, "spare", state="sleeping", wish=None)
        took_s += time.monotonic() - began
        await until(client, two, "spare", lanes_ready=0)
        status, told = await change(client, two, "spare", "load")
        assert (status, told["warning"]) == (200, None)
        await until(client, one, "spare", state="ready", wish=None)
    # By looks into the database alone it would be half of that each time, on the average.
    assert took_s < EVERY_S


async def test_pages_in_flight_are_read_and_who_needs_it_has_it_loaded(
    start: Start, mortal: RedisServer, client: httpx.AsyncClient
) -> None:
    one, two = start(REDIS_URL=mortal.url), start(REDIS_URL=mortal.url)
    await ready(client, one, two, redis=True)
    page = asyncio.create_task(read(client, two, "spare", "in flight"))
    await until(client, two, "spare", lanes_busy=1)
    status, told = await change(client, two, "spare", "unload")
    assert (status, told["error"]["code"]) == (409, "conflict")
    status, _ = await change(client, one, "spare", "unload")
    assert status == 200
    told = await until(client, two, "spare", lanes_busy=1)
    while told["wish"] is None:
        told = await engine(client, two, "spare")
    assert told["wish"]["wanted"] == "unloaded"
    assert told["wish"]["reason"] == BUSY
    assert await page == "spare"
    await until(client, two, "spare", state="sleeping", lanes_ready=0, wish=None)
    assert await read(client, two, "spare", "again") == "spare"
    told = await until(client, two, "spare", state="ready")
    assert told["wish"]["reason"] == "It has been needed since."
    told = await engine(client, one, "spare")
    assert (told["state"], told["wish"]) == ("sleeping", None)


async def test_without_redis_the_database_tells_and_later_ones_follow_too(
    start: Start, mortal: RedisServer, client: httpx.AsyncClient
) -> None:
    one, two = start(REDIS_URL=mortal.url), start(REDIS_URL=mortal.url)
    await ready(client, one, two, redis=True)
    await asyncio.to_thread(mortal.stop)
    _, told = await change(client, one, "spare", "unload")
    assert told["warning"] == "Redis is away: other gateways follow within 5 s, not at once."
    await until(client, two, "spare", state="sleeping", lanes_ready=0)
    later = start(REDIS_URL=mortal.url)
    await until(client, later, "fake", state="ready")
    assert (await engine(client, later, "spare"))["state"] == "sleeping"


async def test_workers_of_one_host_follow_through_the_folder_that_they_share(
    start: Start, client: httpx.AsyncClient
) -> None:
    one, two = start(), start()
    await ready(client, one, two)
    _, told = await change(client, one, "spare", "unload")
    assert told["warning"] is None
    await until(client, two, "spare", state="sleeping", lanes_ready=0)


async def test_a_server_sleeps_for_all_once_it_has_read_what_one_of_them_asks(
    start: Start, mortal: RedisServer, client: httpx.AsyncClient
) -> None:
    with VlmServer("m", default=Say("a b", piece_s=1.0)) as server:
        server.can_sleep = "yes"
        settings = {
            "REDIS_URL": mortal.url,
            "MAOOCR_VLM__URL": server.url,
            "MAOOCR_VLM__MODEL": server.model,
            "MAOOCR_VLM__FAMILY": "generic",
            # So long that only the word of the other can have made it look.
            "MAOOCR_VLM__PROBE_SECONDS": "600",
        }
        one, two = start(**settings), start(**settings)
        await ready(client, one, two, redis=True)
        await until(client, one, "vlm", state="ready")
        await until(client, two, "vlm", state="ready")
        page = asyncio.create_task(read(client, two, "vlm", "in flight"))
        await asyncio.to_thread(server.wait_for, lambda: server.running == 1)
        status, told = await change(client, two, "vlm", "unload")
        assert (status, server.naps) == (409, [])
        assert told["error"]["message"].startswith("The engine vlm has pages to read")
        status, told = await change(client, one, "vlm", "unload")
        assert (status, told["state"]) == (200, "sleeping"), told
        assert (await page, server.aborted) == ("vlm", 0)
        await until(client, two, "vlm", state="sleeping")
        assert await read(client, two, "vlm", "again") == "vlm"
        assert server.naps == ["sleep 1", "wake"]
