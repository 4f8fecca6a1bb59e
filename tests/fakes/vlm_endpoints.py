"""Endpoints that do as a test says, on a clock that it holds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from maoocr.settings import VlmSettings
from maoocr.telemetry.metrics import Metrics
from maoocr.vllm.balance import Endpoints
from maoocr.vllm.budget import Budget
from maoocr.vllm.chat import ChatReply, ChatRequest, OnText, TextPart
from maoocr.vllm.endpoints import Endpoint
from maoocr.vllm.exchange import Answer, Progress
from maoocr.vllm.failure import CallFailed, Reason
from maoocr.vllm.member import Member
from maoocr.vllm.relay import Passage

ASK = ChatRequest((TextPart("OCR:"),))
SETTINGS = VlmSettings(breaker_failures=3, breaker_cooldown_seconds=5.0)


class Caller:
    """Answers at once, fails, or holds calls until the test lets them go."""

    def __init__(self, name: str, **fields: Any) -> None:
        self.endpoint = Endpoint(name, "vlm", "generic", f"http://{name}/v1", "m", **fields)
        self.fails: Reason | None = None
        self.speaks_first = False
        self.holds = False
        self.calls = 0
        self.cancelled = 0
        self._free = asyncio.Event()

    def let_go(self) -> None:
        self._free.set()
        self._free = asyncio.Event()

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
        try:
            if self.speaks_first:
                self._speak(progress, on_text)
            if self.holds:
                await self._free.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fails is not None:
            raise CallFailed(self.fails, f"{self.endpoint.name} failed.", retry_after_s=None)
        self._speak(progress, on_text)
        return Answer("text", "stop")

    def _speak(self, progress: Progress, on_text: OnText | None) -> None:
        progress.first_token_s, progress.prompt_tokens, progress.completion_tokens = 0.1, 1000, 100
        if on_text is not None:
            on_text("text")


class Rig:
    """Endpoints of one engine, on a clock that the test holds."""

    def __init__(self, *callers: Caller) -> None:
        self.now = 0.0
        self.day = date(2026, 1, 1)
        self.metrics = Metrics(CollectorRegistry())
        self.callers = callers
        self.members = [
            Member(
                caller,
                SETTINGS,
                self.metrics,
                budget=Budget(caller.endpoint.daily_budget, lambda: self.day),
                clock=lambda: self.now,
            )
            for caller in callers
        ]
        self.endpoints = Endpoints(self.members, clock=lambda: self.now)

    async def ask(self, **options: Any) -> ChatReply:
        return await self.endpoints.complete(ASK, **options)

    async def fails(self, kind: type[Exception], **options: Any) -> Exception:
        with pytest.raises(kind) as raised:
            await self.ask(**options)
        return raised.value

    @asynccontextmanager
    async def asking(self, count: int) -> AsyncIterator[list[asyncio.Task[ChatReply]]]:
        tasks = [asyncio.create_task(self.ask()) for _ in range(count)]
        await turns()
        yield tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


async def turns() -> None:
    for _ in range(8):
        await asyncio.sleep(0)
