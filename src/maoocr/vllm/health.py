"""Looks now and then whether a server is there, how busy it is, and whether it has the model."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol

from .endpoints import Endpoint
from .failure import CallFailed
from .figures import Figures, figures_of
from .protocol import models_of

__all__ = ["LIMIT_S", "Fetches", "Health", "HealthState", "HealthWatch"]

HealthState = Literal["unknown", "up", "down", "asleep", "wrong"]
"""`wrong`: it is there, but its model or its key are not those that are configured."""

LIMIT_S = 3.0
"""For each of the small routes."""
AWAY_S = 1.0
"""Between two looks at most, while it is away: whoever waits for it should not wait for us."""
MODELS_EVERY = 12
PATIENCE = 2
"""Looks in a row without an answer that are needed: a server at its limits may be late once."""


@dataclass(frozen=True, slots=True)
class Health:
    """What the last look found.

    Attributes:
        reason: why no call should go there, as a sentence; empty when one may.
        figures: where the server tells them.
        context_tokens: most tokens of prompt and answer together, where the server tells.
    """

    state: HealthState = "unknown"
    reason: str = ""
    figures: Figures | None = None
    context_tokens: int | None = None


class Fetches(Protocol):
    """Asks the small routes of one endpoint."""

    @property
    def endpoint(self) -> Endpoint:
        """Whose."""

    async def fetch(self, url: str, limit_s: float, method: str = "GET") -> tuple[int, bytes]:
        """Status and body; raises CallFailed."""


class HealthWatch:
    """Looks at one endpoint until it is cancelled."""

    def __init__(
        self,
        client: Fetches,
        every_s: float,
        tell: Callable[[Health], None],
        *,
        shows_life: Callable[[], bool] = lambda: False,
        was_put_to_sleep: Callable[[], bool] = lambda: False,
        is_sleeping: Callable[[], Awaitable[bool]] | None = None,
        turns: Callable[[], int] = lambda: 0,
    ) -> None:
        """Make a watch.

        Args:
            client: asks the endpoint.
            every_s: seconds between two looks, more or less.
            tell: hears what each look found.
            shows_life: text comes from it now; it may be too busy for a look, but it is there.
            was_put_to_sleep: by us; then its figures alone are not trusted.
            is_sleeping: asks it.
            turns: how often we began or ended to put it to sleep or to wake it; odd while we do. A
                look beside that may have seen what is not so any more.
        """
        self._client = client
        self._endpoint = client.endpoint
        self._every_s = every_s
        self._tell = tell
        self._shows_life = shows_life
        self._was_put_to_sleep = was_put_to_sleep
        self._is_sleeping = is_sleeping
        self._turns = turns
        self._health = Health()
        self._late = 0
        self._looks = 0
        self._hurried = asyncio.Event()

    async def run(self) -> None:
        """Look again and again."""
        while True:
            turns = self._turns()
            health = await self.look()
            if turns == self._turns() and not turns % 2:
                self._health = health
                self._tell(health)
            every_s = self._every_s
            if self._health.state != "up":
                every_s = min(every_s, AWAY_S)
            # Spread out, so that replicas do not all knock at once.
            await self._rest(every_s * random.uniform(0.8, 1.2))

    def hurry(self) -> None:
        """Look again now: it may have changed."""
        self._hurried.set()

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurried.wait()
        self._hurried.clear()

    async def look(self) -> Health:
        """Look once."""
        name, root = self._endpoint.name, self._endpoint.root
        self._looks += 1
        try:
            status, _ = await self._client.fetch(f"{root}/health", LIMIT_S)
        except CallFailed as failure:
            return self._unanswered(failure)
        self._late = 0
        if status >= 500:
            return Health("down", f"{name} says that it is not well (status {status}).")
        figures = await self._figures()
        if (figures is not None and figures.is_asleep) or await self._sleeps():
            return Health("asleep", f"{name} is asleep.", figures, self._health.context_tokens)
        if self._health.state == "up" and self._looks % MODELS_EVERY:
            return Health("up", "", figures, self._health.context_tokens)
        return await self._with_model(figures)

    async def _sleeps(self) -> bool:
        if self._is_sleeping is None or not self._was_put_to_sleep():
            return False
        return await self._is_sleeping()

    def _unanswered(self, failure: CallFailed) -> Health:
        if failure.reason == "timeout" and self._health.state != "down":
            self._late = 0 if self._shows_life() else self._late + 1
            if self._late < PATIENCE:
                return self._health
        return Health("down", failure.message)

    async def _figures(self) -> Figures | None:
        answer = await self._answer(f"{self._endpoint.root}/metrics")
        if answer is None or answer[0] != 200:
            return None
        return figures_of(answer[1].decode("utf-8", "replace"))

    async def _with_model(self, figures: Figures | None) -> Health:
        endpoint = self._endpoint
        answer = await self._answer(f"{endpoint.url}/models")
        if answer is not None and answer[0] in {401, 403}:
            reason = f"{endpoint.name} does not take the key that it was given."
            return Health("wrong", reason, figures)
        models = models_of(answer[1]) if answer is not None and answer[0] == 200 else None
        if models is None:
            # Some servers have no list: calls will tell.
            return Health("up", "", figures)
        if endpoint.model not in models:
            there = ", ".join(repr(model) for model in list(models)[:5]) or "none"
            reason = f"{endpoint.name} does not have the model {endpoint.model!r}; it has {there}."
            return Health("wrong", reason, figures)
        return Health("up", "", figures, models[endpoint.model])

    async def _answer(self, url: str) -> tuple[int, bytes] | None:
        try:
            return await self._client.fetch(url, LIMIT_S)
        except CallFailed:
            return None
