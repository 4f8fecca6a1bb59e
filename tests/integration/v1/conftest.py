"""/v1 of a real server before servers of models that do as they are told, and OpenAI's client."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from maoocr.engines.base import EngineSpec
from maoocr.settings import LimitSettings, PoolSettings, Settings, SpoolSettings, VlmSettings
from maoocr.web.gateway import Gateway
from tests.fakes.documents import png
from tests.fakes.vlm_server import Say, VlmServer
from tests.integration.web.conftest import Server, serve

PICTURE = f"data:image/png;base64,{base64.b64encode(png('page')).decode()}"

Messages = list[Any]
ASK: Messages = [
    {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": PICTURE}},
            {"type": "text", "text": "OCR:"},
        ],
    }
]
FILE = """
endpoints:
  - {{name: near, engine: vlm, url: "{near}", model: fake-vlm, privacy: local, concurrency: 4,
      price_output_per_1k: 2}}
  - {{name: near2, engine: vlm, url: "{near2}", model: fake-vlm, privacy: local, concurrency: 4,
      price_output_per_1k: 2}}
  - {{name: cloud, engine: cloud, url: "{cloud}", model: big/cloud-vlm, privacy: remote,
      price_per_page: 0.5, probe: none}}
"""


@pytest.fixture(scope="module")
def vlms() -> Iterator[dict[str, VlmServer]]:
    with VlmServer() as near, VlmServer() as near2, VlmServer("big/cloud-vlm") as cloud:
        yield {"near": near, "near2": near2, "cloud": cloud}


@pytest.fixture(autouse=True)
def _as_new(vlms: dict[str, VlmServer]) -> None:
    for vlm in vlms.values():
        vlm.default, vlm.aborted, vlm.most_running = Say("Hello, world."), 0, 0
        vlm.asks.clear()


@pytest.fixture(scope="module")
def server(
    vlms: dict[str, VlmServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("v1")
    (folder / "engines.yaml").write_text(FILE.format(**{n: v.url for n, v in vlms.items()}))
    settings = Settings(
        engine="fake",
        engines_file=folder / "engines.yaml",
        state_dir=folder / "state",
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=folder / "spool"),
        limits=LimitSettings(max_body_bytes=1024 * 1024),
        vlm=VlmSettings(v1_max_tokens=1500, probe_seconds=0.2, idle_seconds=2.0),
    )
    yield from serve(settings, [EngineSpec("fake", ".fake:FakeEngine")])


@pytest.fixture(scope="module")
def keys(server: Server) -> dict[str, str]:
    """Secrets by name; made in the loop of the server, which holds the database."""
    return asyncio.run_coroutine_threadsafe(_keys(server), loop_of(server)).result(60)


async def _keys(server: Server) -> dict[str, str]:
    gateway: Gateway = server.app.state.gateway
    async with asyncio.timeout(60):
        await gateway.database.wait_ready()
    make = gateway.access.keys.create
    secrets = {name: (await make(name, ["v1"]))[1] for name in ("one", "two")}
    secrets["recognize"] = (await make("recognize", ["recognize"]))[1]
    secrets["few"] = (await make("few", ["v1"], pages_per_month=2))[1]
    secrets["slow"] = (await make("slow", ["v1"], rate_per_minute=1))[1]
    return secrets


def loop_of(server: Server) -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = server.app.state.started.get_loop()
    return loop


def client_of(server: Server, key: str) -> AsyncOpenAI:
    http = openai.DefaultAsyncHttpxClient(trust_env=False)
    return AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, http_client=http)


@pytest.fixture
async def client(server: Server, keys: dict[str, str]) -> AsyncIterator[AsyncOpenAI]:
    async with client_of(server, keys["one"]) as client:
        yield client


async def chats(server: Server, keys: dict[str, str], name: str) -> dict[str, int]:
    """Tokens of chats this month, by endpoint."""
    headers = {"Authorization": f"Bearer {keys[name]}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        found = (await http.get(f"{server.url}/api/ocr/costs")).json()["engines"]
    return {
        item["endpoint"]: item["output_tokens"]
        for item in found
        if (item["kind"], item["engine"]) == ("chat", "vlm")
    }


async def usage(server: Server, keys: dict[str, str], name: str) -> dict[str, float]:
    headers = {"Authorization": f"Bearer {keys[name]}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        items = (await http.get(f"{server.url}/api/usage")).json()["items"]
    today = datetime.now(UTC).date().isoformat()
    found: dict[str, float] = next((item for item in items if item["day"] == today), {})
    return found
