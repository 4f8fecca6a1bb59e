"""Chat completions that are passed on to the servers of models, as OpenAI's clients ask for them.

Knows no server: `bootstrap` brings those of the endpoints that are configured, or none.
"""

import asyncio
import logging
import time
from collections.abc import (
    AsyncGenerator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from ..domain import Spent
from ..errors import Forbidden, MaoOCRError, NotFound
from ..settings import VlmSettings
from ..telemetry.metrics import Metrics
from .openai_ports import Servers
from .openai_request import ChatCall, ChatLimits
from .openai_room import Room
from .openai_turns import Turns
from .ports import ChatLedger

__all__ = ["Asker", "Completions", "Privacy", "ServedModel"]

log = logging.getLogger("maoocr.v1")

Privacy = Literal["local", "any"]
"""Whether a call may leave this site."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A name under which callers may ask.

    Attributes:
        engine: whose servers answer.
        model: the name under which they know it.
    """

    name: str
    engine: str
    model: str
    is_remote: bool
    context_tokens: int | None


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks.

    Attributes:
        owner: for whom it is counted.
        share: with whom he shares the slots.
    """

    owner: str
    share: str
    request_id: str


class _Line:
    """The servers of an engine and the turns of those who want them."""

    def __init__(self, servers: Servers, settings: VlmSettings, metrics: Metrics) -> None:
        self.servers = servers
        at_once = max(1, int(servers.slots * settings.v1_share))
        show = metrics.v1_waiting.labels(servers.engine).set
        self.turns = Turns(at_once, settings.v1_max_waiting, show)


class Completions:
    """The models and the calls to them."""

    def __init__(
        self,
        servers: Sequence[Servers],
        settings: VlmSettings,
        seconds: float,
        ledger: ChatLedger,
        metrics: Metrics,
    ) -> None:
        """Make it.

        Args:
            servers: of each engine; mostly none.
            settings: how much a call may ask for, and where it may go.
            seconds: that a call may take in all.
            ledger: counts what was used.
            metrics: of the process.
        """
        self.limits = ChatLimits(
            settings.v1_max_tokens,
            settings.v1_max_choices,
            frozenset(filter(None, map(str.strip, settings.v1_parameters.split(",")))),
        )
        self.started_at = datetime.now(UTC)
        self.room = Room()
        self._lines = [_Line(one, settings, metrics) for one in servers]
        self._privacy: Privacy = settings.v1_privacy
        self._seconds = seconds
        self._ledger = ledger
        self._calls = metrics.v1_calls
        self._accounts: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Wait until all that was used is counted."""
        if self._accounts:
            await asyncio.wait(self._accounts)

    def models(self, wish: Privacy | None = None) -> list[ServedModel]:
        """What may be asked for under which name, engines first; each name once.

        Args:
            wish: of the caller; None is what the settings say.
        """
        may_leave = (wish or self._privacy) == "any"
        # What stays here goes before what has the same name elsewhere.
        lines = sorted(self._lines, key=lambda line: line.servers.is_remote)
        return list(_named(one for one in lines if may_leave or not one.servers.is_remote))

    def model(self, name: str, wish: Privacy | None = None) -> ServedModel:
        """What a name stands for.

        Raises:
            NotFound: nothing.
            Forbidden: a model elsewhere, and the call must not leave.
        """
        known = {model.name: model for model in self.models(wish)}
        if name in known:
            return known[name]
        if not self._lines:
            raise NotFound(
                f"model: {name!r:.80} is not there, for no server of a model is configured"
                " (MAOOCR_VLM__URL, or MAOOCR_ENGINES_FILE)."
            )
        if any(model.name == name for model in self.models("any")):
            asked = "the header X-MaoOCR-Privacy" if wish else "MAOOCR_VLM__V1_PRIVACY"
            raise Forbidden(
                f"model: {name!r:.80} runs elsewhere, and {asked} says that calls stay on this"
                " site: send `X-MaoOCR-Privacy: any` if this one may leave it."
            )
        there = ", ".join(repr(one) for one in known) or "none that stays on this site"
        raise NotFound(f"model: {name!r:.80} is not there. There is {there}.")

    async def answer(self, call: ChatCall, model: ServedModel, asker: Asker) -> bytes:
        """The whole answer as JSON; cancelling ends the work at the server too.

        Args:
            call: what is asked.
            model: as `model` found it.
            asker: who asks.

        Raises:
            MaoOCRError: there is none.
        """
        heard: list[str] = []
        await self._run(call, model, asker, heard.append)
        return "".join(heard).encode()

    async def stream(
        self, call: ChatCall, model: ServedModel, asker: Asker
    ) -> AsyncGenerator[list[bytes]]:
        """The answer's events as JSON, each as soon as it is there.

        Closing it ends the work at the server too. Arguments and errors are those of `answer`; an
        error may come after any event.
        """
        events: asyncio.Queue[bytes | None] = asyncio.Queue()

        def hear(event: str) -> None:
            events.put_nowait(event.encode())

        task = asyncio.create_task(self._run(call, model, asker, hear))
        task.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while True:
                found = [await events.get()]
                while not events.empty():
                    found.append(events.get_nowait())
                some = [event for event in found if event is not None]
                if some:
                    yield some
                if found[-1] is None:
                    break
            task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _run(
        self,
        call: ChatCall,
        model: ServedModel,
        asker: Asker,
        hear: Callable[[str], object],
    ) -> None:
        loop = asyncio.get_running_loop()
        ends, deadline = loop.time() + self._seconds, time.monotonic() + self._seconds
        line = next(line for line in self._lines if line.servers.engine == model.engine)
        passed = line.servers.call(
            self._fields(call, model), is_whole=not call.is_stream, tells_usage=call.tells_usage
        )
        outcome, begun = "left", None
        try:
            async with line.turns.turn(asker.share, ends):
                begun = time.monotonic()
                await passed.run(hear, deadline)
            outcome = "answered"
        except MaoOCRError as error:
            outcome = error.code
            raise
        finally:
            self._calls.labels(model.engine, outcome).inc()
            # Of a call that failed at the servers nothing is counted, unless they had begun.
            is_used = outcome in {"answered", "left"} or passed.spent.output_tokens
            if begun is not None and is_used:
                counting = self._count(call, model, asker, time.monotonic() - begun, passed.spent)
                counted = asyncio.create_task(counting)
                self._accounts.add(counted)
                counted.add_done_callback(self._accounts.discard)
        await asyncio.shield(counted)

    async def _count(
        self, call: ChatCall, model: ServedModel, asker: Asker, seconds: float, spent: Spent
    ) -> None:
        try:
            await self._ledger.record_chat(
                asker.owner,
                asker.request_id,
                model.engine,
                spent.endpoint,
                input_tokens=spent.input_tokens,
                output_tokens=spent.output_tokens,
                seconds=seconds,
                cost=spent.cost,
                pages=max(1, call.pictures),
            )
        except MaoOCRError as error:
            # The answer has left, or is as good as gone.
            extra = {"reason": error.message, "engine": model.engine}
            log.error("a call is not counted", extra=extra)

    def _fields(self, call: ChatCall, model: ServedModel) -> Mapping[str, Any]:
        """What reaches the server: where the context is the tighter limit, it is left to that."""
        context, most = model.context_tokens, self.limits.max_tokens
        if context is not None and context < 2 * most:
            return call.fields
        return call.with_limit(most)


def _named(lines: Iterable[_Line]) -> Iterator[ServedModel]:
    """Names of engines, then those of their models that no engine has; the first of each counts."""
    some = [line.servers for line in lines]
    names = [(one.engine, one) for one in some] + [(one.model, one) for one in some]
    seen: set[str] = set()
    for name, one in names:
        if name not in seen:
            seen.add(name)
            yield ServedModel(name, one.engine, one.model, one.is_remote, one.context_tokens)
