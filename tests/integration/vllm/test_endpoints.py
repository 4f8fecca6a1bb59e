"""Several servers at once, one of which goes away, hangs or comes back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from maoocr.errors import EndpointUnavailable
from maoocr.settings import VlmSettings
from maoocr.telemetry.metrics import Metrics
from maoocr.vllm.balance import Endpoints
from maoocr.vllm.chat import ChatReply, ChatRequest, ImagePart, TextPart
from maoocr.vllm.endpoints import Endpoint
from maoocr.vllm.member import EndpointState
from maoocr.vllm.opening import open_endpoints
from tests.fakes.vlm_server import Say, VlmServer

pytestmark = pytest.mark.integration

ASK = ChatRequest((ImagePart(b"\xff\xd8 page"), TextPart("OCR:")))
MOMENT_S = 20.0
LONG = " ".join(f"word{n}" for n in range(100))


@pytest.fixture
def servers() -> Iterator[tuple[VlmServer, VlmServer]]:
    one, two = VlmServer(default=Say("one")), VlmServer(default=Say("two"))
    with one, two:
        yield one, two


@asynccontextmanager
async def opened(
    servers: tuple[VlmServer, ...], *, probe_s: float = 0.1, **fields: Any
) -> AsyncIterator[Endpoints]:
    settings = VlmSettings(probe_seconds=probe_s, breaker_failures=3, breaker_cooldown_seconds=60.0)
    names = ("one", "two")
    endpoints = [
        Endpoint(name, "vlm", "generic", f"{server.url}/v1", server.model)
        for name, server in zip(names, servers, strict=False)
    ]
    endpoints = [replace(endpoint, **fields) for endpoint in endpoints]
    metrics = Metrics(CollectorRegistry())
    async with open_endpoints(endpoints, settings, metrics) as engines:
        yield engines["vlm"]


async def until(endpoints: Endpoints, *states: EndpointState) -> None:
    async with asyncio.timeout(MOMENT_S):
        while tuple(status.state for status in endpoints.status()) != states:
            await endpoints.changed()


async def ask(endpoints: Endpoints, count: int) -> list[ChatReply]:
    return await asyncio.gather(*(endpoints.complete(ASK) for _ in range(count)))


async def test_none_configured_is_nothing() -> None:
    metrics = Metrics(CollectorRegistry())
    async with open_endpoints((), VlmSettings(), metrics) as engines:
        assert engines == {}


async def test_both_get_work(servers: tuple[VlmServer, VlmServer]) -> None:
    # With a slot for each, all are given out before the first is answered, however fast one is.
    async with opened(servers, concurrency=20) as endpoints:
        await until(endpoints, "ready", "ready")
        texts = [reply.text for reply in await ask(endpoints, 40)]
        assert texts.count("one") == texts.count("two") == 20
        assert {status.context_tokens for status in endpoints.status()} == {2048}


async def test_one_is_away_and_comes_back(servers: tuple[VlmServer, VlmServer]) -> None:
    async with opened(servers) as endpoints:
        await until(endpoints, "ready", "ready")
        servers[0].stop()
        assert {reply.text for reply in await ask(endpoints, 20)} == {"two"}
        await until(endpoints, "away", "ready")
        servers[0].start()
        await until(endpoints, "ready", "ready")
        assert {reply.text for reply in await ask(endpoints, 20)} == {"one", "two"}


async def test_nobody_need_be_there_at_the_start(servers: tuple[VlmServer, VlmServer]) -> None:
    servers[0].stop()
    async with opened(servers[:1]) as endpoints:
        await until(endpoints, "away")
        with pytest.raises(EndpointUnavailable, match="one cannot be reached"):
            await endpoints.complete(ASK)
        servers[0].start()
        await until(endpoints, "ready")
        assert (await endpoints.complete(ASK)).text == "one"


async def test_one_that_takes_calls_and_never_answers_hurts_only_the_first_of_them(
    servers: tuple[VlmServer, VlmServer],
) -> None:
    """Its health is well: only its calls tell."""
    servers[0].default = Say("one", hang="before")
    async with opened(servers, first_token_s=0.5) as endpoints:
        await until(endpoints, "ready", "ready")
        hurt = []
        for _ in range(20):
            replies = await ask(endpoints, 10)
            assert {reply.text for reply in replies} == {"two"}
            hurt.append(sum(reply.calls > 1 for reply in replies))
        assert endpoints.status()[0].state == "failing"
    assert 3 <= sum(hurt) <= 10
    assert not any(hurt[3:])
    assert len(servers[0].asks) <= 10


async def test_one_that_hangs_altogether_is_noticed_by_a_look(
    servers: tuple[VlmServer, VlmServer],
) -> None:
    """Long before the patience for a first word ends."""
    servers[0].default = Say("one", hang="before")
    async with opened(servers, first_token_s=600.0) as endpoints:
        await until(endpoints, "ready", "ready")
        tasks = [asyncio.create_task(endpoints.complete(ASK)) for _ in range(6)]
        await asyncio.to_thread(servers[0].wait_for, lambda: servers[0].running == 3)
        servers[0].healthy = "mute"
        replies = await asyncio.gather(*tasks)
        assert {reply.text for reply in replies} == {"two"}
        assert endpoints.status()[0].state == "away"
    await asyncio.to_thread(servers[0].wait_for, lambda: servers[0].running == 0)


async def test_asleep_and_unwell_servers_get_nothing(
    servers: tuple[VlmServer, VlmServer],
) -> None:
    servers[0].asleep, servers[1].healthy = True, "no"
    async with opened(servers) as endpoints:
        await until(endpoints, "asleep", "away")
        with pytest.raises(EndpointUnavailable, match=r"one is asleep.*two says"):
            await endpoints.complete(ASK)
        servers[0].asleep = False
        await until(endpoints, "ready", "away")


async def test_killed_in_mid_stream_every_call_is_answered(
    servers: tuple[VlmServer, VlmServer],
) -> None:
    servers[0].default = Say(LONG, piece_s=0.02)
    async with opened(servers, probe_s=30.0) as endpoints:
        tasks = [asyncio.create_task(endpoints.complete(ASK)) for _ in range(10)]
        await asyncio.to_thread(servers[0].wait_for, lambda: servers[0].running == 5)
        servers[0].stop()
        replies = await asyncio.gather(*tasks)
    assert [reply.text for reply in replies] == ["two"] * 10
    assert sum(reply.calls == 2 for reply in replies) == 5


async def test_a_full_queue_goes_elsewhere(servers: tuple[VlmServer, VlmServer]) -> None:
    servers[0].default = Say(status=503)
    async with opened(servers) as endpoints:
        assert {reply.text for reply in await ask(endpoints, 20)} == {"two"}


async def test_closing_ends_what_runs(servers: tuple[VlmServer, VlmServer]) -> None:
    servers[0].default = Say(LONG, piece_s=0.02)
    async with opened(servers[:1]) as endpoints:
        task = asyncio.create_task(endpoints.complete(ASK))
        await asyncio.to_thread(servers[0].wait_for, lambda: servers[0].running == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.to_thread(servers[0].wait_for, lambda: servers[0].running == 0)
    assert servers[0].aborted == 1
