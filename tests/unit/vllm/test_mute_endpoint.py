"""One endpoint of two accepts calls and never answers: for how long others feel it.

Time is virtual: minutes pass in a moment, and every figure is exact.
"""

import asyncio
from dataclasses import dataclass
from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry

from bench.spread import percentile
from maoocr.settings import VlmSettings
from maoocr.telemetry.metrics import Metrics
from maoocr.vllm.balance import Endpoints
from maoocr.vllm.chat import ChatRequest, OnText
from maoocr.vllm.endpoints import Endpoint
from maoocr.vllm.exchange import Answer, Progress
from maoocr.vllm.failure import CallFailed
from maoocr.vllm.member import Member
from maoocr.vllm.relay import Passage
from tests.fakes.virtual_time import VirtualLoop
from tests.fakes.vlm_endpoints import ASK

SETTINGS = VlmSettings()
ANSWER_S = 1.0
EVERY_S = 0.25
"""One call begins; four are in work at once, and one endpoint alone can do that."""
MUTE_AT_S, WELL_AT_S, END_S = 60.0, 240.0, 420.0


class Server:
    """Answers after its time; while it is mute, its caller loses patience."""

    def __init__(self, name: str) -> None:
        self.endpoint = Endpoint(name, "vlm", "generic", f"http://{name}/v1", "m")
        self.is_mute = False
        self.calls = 0

    async def call(
        self,
        request: ChatRequest | Passage,
        progress: Progress,
        *,
        on_text: OnText | None = None,
        deadline: float | None = None,
    ) -> Answer:
        self.calls += 1
        progress.calls += 1
        if self.is_mute:
            await asyncio.sleep(self.endpoint.first_token_s)
            raise CallFailed("timeout", f"{self.endpoint.name} did not begin to answer.")
        await asyncio.sleep(ANSWER_S)
        progress.first_token_s = ANSWER_S
        return Answer("text", "stop")


@dataclass(frozen=True)
class Call:
    """When it began, what it took, and what it cost."""

    at: float
    seconds: float
    calls: int


class Site:
    """Two servers, and callers who come in even steps."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.one, self.two = Server("one"), Server("two")
        metrics = Metrics(CollectorRegistry())
        members = [
            Member(server, SETTINGS, metrics, clock=loop.time) for server in (self.one, self.two)
        ]
        self.endpoints = Endpoints(members, clock=loop.time)
        self.calls: list[Call] = []

    async def _call(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        reply = await self.endpoints.complete(ASK)
        self.calls.append(Call(began, loop.time() - began, reply.calls))

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_at(MUTE_AT_S, setattr, self.one, "is_mute", True)
        loop.call_at(WELL_AT_S, setattr, self.one, "is_mute", False)
        async with asyncio.TaskGroup() as callers:
            while loop.time() < END_S:
                callers.create_task(self._call())
                await asyncio.sleep(EVERY_S)

    def p95(self, begin: float, end: float) -> float:
        """Of those that began then."""
        return percentile([it.seconds for it in self.calls if begin <= it.at < end], 95)


@pytest.fixture(scope="module")
def site() -> Site:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:

        async def made() -> Site:
            site = Site()
            await site.run()
            return site

        return runner.run(made())


def test_before_and_after_both_answer_in_their_time(site: Site) -> None:
    assert site.p95(0, MUTE_AT_S - ANSWER_S) == pytest.approx(ANSWER_S)
    assert site.p95(WELL_AT_S + 60, END_S) == pytest.approx(ANSWER_S)
    share = sum(it.at > WELL_AT_S + 60 for it in site.calls) / 2
    assert site.one.calls > share


def test_p95_is_hurt_for_no_longer_than_the_breakers_window(site: Site) -> None:
    """Told by the p95 of each ten seconds; one call in forty finds out whether it is well again."""
    begins = range(0, int(END_S), 10)
    hurt = [begin for begin in begins if site.p95(begin, begin + 10) > ANSWER_S + 0.01]
    assert hurt
    assert all(0 <= begin - MUTE_AT_S < SETTINGS.breaker_window_seconds for begin in hurt)


def test_only_those_are_hurt_that_began_before_it_was_noticed(site: Site) -> None:
    """And, one at a time, those by which it is found out whether it is well again."""
    patience_s = site.one.endpoint.first_token_s
    hurt = [it for it in site.calls if it.seconds > ANSWER_S + 0.01]
    assert all(it.seconds <= patience_s + ANSWER_S + 0.01 for it in hurt)
    first = [it for it in hurt if it.at < MUTE_AT_S + patience_s]
    probes = [it.at for it in hurt if it.at >= MUTE_AT_S + patience_s]
    assert 3 <= len(first) <= site.one.endpoint.concurrency
    assert max(it.at for it in first) - MUTE_AT_S < patience_s / 4 + 2 * EVERY_S
    gaps = [later - earlier for earlier, later in pairwise(probes)]
    assert probes
    assert all(gap > patience_s for gap in gaps)


def test_everybody_is_answered(site: Site) -> None:
    assert len(site.calls) == END_S / EVERY_S
    assert {it.calls for it in site.calls} == {1, 2}
