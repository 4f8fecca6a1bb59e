"""Gateways in processes of their own that share one Redis."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from maoocr.engines.fake import picture_of
from tests.fakes.gateway import GatewayProcess
from tests.fakes.replicas import new_prefix
from tests.servers import RedisServer

StartGateway = Callable[..., GatewayProcess]


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the test may kill."""
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def prefix() -> str:
    """Of all keys that the gateways of one test use."""
    return new_prefix()


@pytest.fixture
def start_gateway(tmp_path: Path, prefix: str) -> Iterator[StartGateway]:
    """Starts a gateway on a Redis; what still runs at the end is ended."""
    running: list[GatewayProcess] = []

    def start(redis_url: str, **engine: object) -> GatewayProcess:
        environment = {"REDIS_URL": redis_url, "MAOOCR_CACHE__PREFIX": prefix}
        gateway = GatewayProcess(tmp_path / f"gateway{len(running)}", environment, **engine)
        running.append(gateway)
        return gateway

    yield start
    for gateway in running:
        gateway.end()


def picture(text: str) -> bytes:
    """A PNG that the fake engine reads as this text."""
    buffer = io.BytesIO()
    Image.fromarray(picture_of(text)).save(buffer, "PNG")
    return buffer.getvalue()


async def until_ready(client: httpx.AsyncClient, *gateways: GatewayProcess) -> None:
    """Return when all of them read documents and have found their Redis."""
    for gateway in gateways:
        await until(lambda gateway=gateway: is_ready(client, gateway))  # type: ignore[misc]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return when it holds of a process that cannot tell by itself."""
    while True:
        if await holds():
            return
        await asyncio.sleep(0.02)


async def is_ready(client: httpx.AsyncClient, gateway: GatewayProcess) -> bool:
    try:
        answer = (await client.get(f"{gateway.url}/health")).json()
        # Whether there are API keys, only the database knows.
        door = await client.get(f"{gateway.url}/api/ocr/engines")
    except httpx.TransportError:
        return False
    redis = answer["checks"]["redis"]["state"]
    return bool(answer["ready"]) and redis == "ok" and door.status_code == 200


async def read(client: httpx.AsyncClient, gateway: GatewayProcess, data: bytes) -> httpx.Response:
    """What it answers to an image."""
    return await client.post(
        f"{gateway.url}/api/ocr/recognize", content=data, headers={"Content-Type": "image/png"}
    )


async def pages_read(client: httpx.AsyncClient, *gateways: GatewayProcess) -> int:
    """Pages that lanes of all of them have read."""
    total = 0.0
    for gateway in gateways:
        text = (await client.get(f"{gateway.url}/metrics")).text
        for line in text.splitlines():
            if line.startswith("maoocr_pages_total{"):
                total += float(line.rpartition(" ")[2])
    return round(total)
