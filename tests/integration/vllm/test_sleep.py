"""Servers that are put to sleep when nobody asks them, and woken by the call that needs them."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from maoocr.errors import DeadlineExceeded, EndpointUnavailable
from maoocr.settings import VlmSettings
from maoocr.telemetry.metrics import Metrics
from maoocr.vllm.balance import Endpoints
from maoocr.vllm.chat import ChatRequest, TextPart
from maoocr.vllm.endpoints import Endpoint
from maoocr.vllm.member import EndpointState
from maoocr.vllm.opening import open_endpoints
from maoocr.vllm.sleep import Sleeper
from tests.fakes.vlm_server import Say, VlmServer

pytestmark = pytest.mark.integration

ASK = ChatRequest((TextPart("OCR:"),))


@pytest.fixture
def server() -> Iterator[VlmServer]:
    with VlmServer(default=Say("text")) as server:
        server.can_sleep = "yes"
        yield server


@asynccontextmanager
async def opened(server: VlmServer, after_s: float = 0.0) -> AsyncIterator[Endpoints]:
    settings = VlmSettings(probe_seconds=0.05, sleep_after_seconds=after_s, wake_seconds=10.0)
    endpoint = Endpoint("one", "vlm", "generic", f"{server.url}/v1", server.model)
    async with open_endpoints([endpoint], settings, Metrics(CollectorRegistry())) as engines:
        yield engines["vlm"]


async def until(endpoints: Endpoints, state: EndpointState) -> None:
    async with asyncio.timeout(20):
        while endpoints.status()[0].state != state:
            await endpoints.changed()


def sleeper_of(endpoints: Endpoints) -> Sleeper:
    assert isinstance(endpoints.waker, Sleeper)
    return endpoints.waker


async def test_an_idle_server_is_put_to_sleep_and_woken_once_by_many_calls(
    server: VlmServer,
) -> None:
    async with opened(server, 0.3) as endpoints:
        await until(endpoints, "ready")
        await until(endpoints, "asleep")
        assert endpoints.is_asleep
        replies = await asyncio.gather(*(endpoints.complete(ASK) for _ in range(10)))
        assert {reply.text for reply in replies} == {"text"}
        assert server.naps[:2] == ["sleep 1", "wake"]
        assert server.naps.count("wake") <= server.naps.count("sleep 1")


async def test_one_that_others_put_to_sleep_is_woken_too(server: VlmServer) -> None:
    server.asleep = True
    async with opened(server) as endpoints:
        await until(endpoints, "asleep")
        assert (await endpoints.complete(ASK)).text == "text"
        assert server.naps == ["wake"]


async def test_a_call_waits_for_the_waking_no_longer_than_it_may(server: VlmServer) -> None:
    server.asleep, server.wake_gate = True, threading.Event()
    async with opened(server) as endpoints:
        await until(endpoints, "asleep")
        with pytest.raises(DeadlineExceeded):
            await endpoints.complete(ASK, deadline=time.monotonic() + 0.2)
        assert sleeper_of(endpoints).is_waking
        server.wake_gate.set()
        await until(endpoints, "ready")
        assert server.naps == ["wake"]


async def test_one_without_development_mode_is_left_awake(server: VlmServer) -> None:
    server.can_sleep = None
    async with opened(server) as endpoints:
        await until(endpoints, "ready")
        [why] = await sleeper_of(endpoints).sleep()
        assert why == "one was put to sleep, but did not fall asleep."
        assert endpoints.status()[0].state == "ready"
        assert (await endpoints.complete(ASK)).text == "text"


async def test_one_that_only_says_that_it_sleeps_is_left_awake(server: VlmServer) -> None:
    server.can_sleep = "not really"
    async with opened(server, 0.1) as endpoints:
        await until(endpoints, "ready")
        [why] = await sleeper_of(endpoints).sleep()
        assert why == "one was put to sleep, but did not fall asleep."
        assert (await endpoints.complete(ASK)).text == "text"
        assert server.naps == ["sleep 1"]


async def test_one_that_cannot_be_woken_is_told(server: VlmServer) -> None:
    server.can_sleep, server.asleep = None, True
    async with opened(server) as endpoints:
        await until(endpoints, "asleep")
        with pytest.raises(EndpointUnavailable, match=r"one is asleep"):
            await endpoints.complete(ASK)
        assert not endpoints.is_asleep


async def test_one_with_a_call_is_not_put_to_sleep(server: VlmServer) -> None:
    server.default = Say("text", hang="middle")
    async with opened(server) as endpoints:
        await until(endpoints, "ready")
        call = asyncio.create_task(endpoints.complete(ASK))
        await asyncio.to_thread(server.wait_for, lambda: server.running == 1)
        assert await sleeper_of(endpoints).sleep() == []
        assert server.naps == []
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)


async def test_what_others_ask_is_read_to_its_end_first(server: VlmServer) -> None:
    server.default = Say("a b c d", piece_s=0.1)
    async with opened(server) as endpoints, opened(server) as others:
        await until(endpoints, "ready")
        call = asyncio.create_task(others.complete(ASK))
        await asyncio.to_thread(server.wait_for, lambda: server.running == 1)
        assert await sleeper_of(endpoints).sleep() == []
        assert (await call).text == "a b c d"
        assert (server.naps, server.aborted) == (["sleep 1"], 0)
