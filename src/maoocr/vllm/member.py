"""One endpoint among those that share an engine's work: what is known of it, what it does now."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from ..settings import VlmSettings
from ..telemetry.metrics import Metrics
from .breaker import MOST_COOLDOWNS, Breaker
from .budget import Budget
from .chat import ChatRequest, OnText
from .endpoints import Endpoint
from .exchange import Answer, Progress
from .failure import CallFailed
from .health import Health
from .relay import Passage

__all__ = ["Caller", "EndpointState", "EndpointStatus", "Member"]

log = logging.getLogger("maoocr.vllm")

EndpointState = Literal["unknown", "ready", "away", "asleep", "wrong", "failing", "spent"]
"""`unknown`: not looked at yet, calls are tried. `away`: nobody is there. `wrong`: another model or
key. `failing`: left alone after failures. `spent`: the day's budget is."""

STALLED = 0.25
"""Share of `first_token_s` after which a call without text makes others prefer another endpoint."""

ALIVE_S = 3.0
"""After a piece of text, for which an endpoint counts as being there."""


class Caller(Protocol):
    """Makes calls to one endpoint."""

    @property
    def endpoint(self) -> Endpoint:
        """Whose."""

    async def call(
        self,
        request: ChatRequest | Passage,
        progress: Progress,
        *,
        on_text: OnText | None = None,
        deadline: float | None = None,
    ) -> Answer:
        """As `EndpointClient.call`."""


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """What there is to say of an endpoint.

    Attributes:
        reason: why it gets no calls, as a sentence; empty when it does.
        waiting: calls in the server's own queue; None where it does not tell.
        spent_today: money, as far as this process knows.
    """

    name: str
    state: EndpointState
    reason: str
    in_flight: int
    concurrency: int
    waiting: int | None
    kv_cache: float | None
    spent_today: float
    context_tokens: int | None


class Member:
    """One endpoint of an engine."""

    def __init__(
        self,
        caller: Caller,
        settings: VlmSettings,
        metrics: Metrics,
        *,
        budget: Budget | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoint = endpoint = caller.endpoint
        self.budget = budget or Budget(endpoint.daily_budget)
        self.health = Health()
        self._caller = caller
        self._metrics = metrics
        self._clock = clock
        self._cooldown_s = settings.breaker_cooldown_seconds
        self._breaker = Breaker(
            settings.breaker_failures, settings.breaker_window_seconds, self._cooldown_s
        )
        self._calls: dict[asyncio.Task[Answer], tuple[Progress, float]] = {}
        self._others = 0
        metrics.vlm_endpoint_up.labels(endpoint.name).set(1)

    @property
    def has_room(self) -> bool:
        """A slot is free."""
        return len(self._calls) < self.endpoint.concurrency

    @property
    def load(self) -> float:
        """Calls there would be with one more, in proportion to its weight."""
        return (len(self._calls) + self._others + 1) / self.endpoint.weight

    @property
    def is_stalled(self) -> bool:
        """A call has waited long for its first piece of text."""
        patience_s = STALLED * self.endpoint.first_token_s
        now = self._clock()
        return any(
            not p.has_text and not p.is_silent and now - at > patience_s
            for p, at in self._calls.values()
        )

    @property
    def shows_life(self) -> bool:
        """Text came a moment ago."""
        since = self._clock() - ALIVE_S
        return any(p.last_at is not None and p.last_at > since for p, _ in self._calls.values())

    @property
    def state(self) -> EndpointState:
        """Whether it gets calls, and why not."""
        if self.health.state == "down":
            return "away"
        if self.health.state in {"asleep", "wrong"}:
            return "asleep" if self.health.state == "asleep" else "wrong"
        if self.budget.is_exhausted:
            return "spent"
        if not self._breaker.may_call(self._clock()):
            return "failing"
        return "ready" if self.health.state == "up" else "unknown"

    @property
    def may_call(self) -> bool:
        """Calls may begin, if a slot is free."""
        return self.state in {"ready", "unknown"}

    @property
    def reason(self) -> str:
        """Why no call may begin, as a sentence; empty when one may."""
        state = self.state
        if state == "spent":
            name, budget = self.endpoint.name, self.budget
            return (
                f"{name} has cost {budget.spent:.2f} today, its daily_budget is"
                f" {budget.daily or 0:.2f}; it is asked again tomorrow (UTC)."
            )
        if state == "failing":
            wait_s = self._breaker.wait_s(self._clock())
            return f"{self._breaker.reason} It is left alone for {wait_s:.0f} s."
        return "" if self.may_call else self.health.reason

    @property
    def wait_s(self) -> float | None:
        """Seconds until a call may begin, where that is known."""
        return self._breaker.wait_s(self._clock()) if self.state == "failing" else None

    def status(self) -> EndpointStatus:
        """What there is to say of it."""
        figures = self.health.figures
        return EndpointStatus(
            name=self.endpoint.name,
            state=self.state,
            reason=self.reason,
            in_flight=len(self._calls),
            concurrency=self.endpoint.concurrency,
            waiting=figures.waiting if figures else None,
            kv_cache=figures.kv_cache if figures else None,
            spent_today=self.budget.spent,
            context_tokens=self.health.context_tokens,
        )

    async def call(
        self,
        request: ChatRequest | Passage,
        progress: Progress,
        on_text: OnText | None,
        deadline: float | None,
    ) -> Answer:
        """Take a slot and ask; the endpoint's record is kept.

        Raises:
            CallFailed: there is no text with an end.
        """
        begun, outcome = self._clock(), "cancelled"
        number = self._breaker.begin(begun)
        asked = self._fitted(request)
        call = self._caller.call(asked, progress, on_text=on_text, deadline=deadline)
        task = asyncio.ensure_future(call)
        self._calls[task] = progress, begun
        self._metrics.vlm_calls_in_flight.labels(self.endpoint.name).inc()
        try:
            await asyncio.wait({task})
            answer = self._result(task)
            outcome = answer.finish_reason
            self._breaker.succeeded(number, self._clock())
            return answer
        except CallFailed as failure:
            outcome = failure.reason
            self._learn(number, failure)
            raise
        except BaseException:
            self._breaker.left(number)
            raise
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
            del self._calls[task]
            self._record(outcome, progress, self._clock() - begun)

    def hear(self, health: Health) -> None:
        """Learn what a look at the server found."""
        was, self.health = self.health, health
        figures = health.figures
        if figures is not None:
            self._others = max(0, figures.running + figures.waiting - len(self._calls))
            self._metrics.vlm_server_waiting.labels(self.endpoint.name).set(figures.waiting)
            self._metrics.vlm_server_kv_cache.labels(self.endpoint.name).set(figures.kv_cache)
        if health.state == was.state:
            return self._show()
        if health.state != "up":
            self._withdraw()
        elif was.state != "unknown":
            self._breaker.close()
        extra = {"endpoint": self.endpoint.name, "state": health.state, "reason": health.reason}
        log.log(logging.INFO if health.state == "up" else logging.WARNING, "Endpoint", extra=extra)
        return self._show()

    def _fitted(self, request: ChatRequest | Passage) -> ChatRequest | Passage:
        """A server refuses to promise more tokens than its context has beside the prompt."""
        room = self.health.context_tokens
        if room is None or isinstance(request, Passage) or request.max_tokens <= room // 2:
            return request
        return replace(request, max_tokens=0)

    def _result(self, task: "asyncio.Task[Answer]") -> Answer:
        if task.cancelled():
            why = self.health.reason or self._breaker.reason
            raise CallFailed("withdrawn", why or f"{self.endpoint.name} was given up.")
        return task.result()

    def _learn(self, number: int, failure: CallFailed) -> None:
        """Draw the conclusions."""
        now, breaker = self._clock(), self._breaker
        if failure.counts:
            if breaker.failed(number, now, failure.message):
                self._opened(failure)
                self._withdraw()
        elif failure.reason == "limited":
            breaker.trip(now, failure.retry_after_s or self._cooldown_s, failure.message)
            self._opened(failure)
        elif failure.reason in {"key", "model"}:
            breaker.trip(now, MOST_COOLDOWNS * self._cooldown_s, failure.message)
            self._opened(failure)
        else:
            breaker.left(number)

    def _opened(self, failure: CallFailed) -> None:
        name = self.endpoint.name
        self._metrics.vlm_breaker_openings.labels(name, failure.reason).inc()
        log.warning("Endpoint left alone", extra={"endpoint": name, "reason": failure.message})

    def _withdraw(self) -> None:
        """Give up the calls that have no text yet: others can take them now."""
        for task, (progress, _) in self._calls.items():
            if not progress.has_text:
                task.cancel()

    def _record(self, outcome: str, progress: Progress, seconds: float) -> None:
        name, metrics = self.endpoint.name, self._metrics
        metrics.vlm_calls.labels(name, outcome).inc()
        metrics.vlm_calls_in_flight.labels(name).dec()
        metrics.vlm_call_seconds.labels(name).observe(seconds)
        if progress.first_token_s is not None:
            metrics.vlm_first_token_seconds.labels(name).observe(progress.first_token_s)
        metrics.vlm_tokens.labels(name, "input").inc(progress.prompt_tokens)
        metrics.vlm_tokens.labels(name, "output").inc(progress.completion_tokens)
        cost = self.cost_of(progress)
        metrics.cost.labels(self.endpoint.engine, name).inc(cost)
        self.budget.spend(cost, progress.prompt_tokens, progress.completion_tokens)
        self._show()

    def cost_of(self, progress: Progress) -> float:
        """Money for a call that came so far."""
        if not progress.has_text and not progress.prompt_tokens:
            return 0.0
        return self.endpoint.cost_of(progress.prompt_tokens, progress.completion_tokens)

    def _show(self) -> None:
        self._metrics.vlm_endpoint_up.labels(self.endpoint.name).set(
            int(self.may_call or self.state == "asleep")
        )
