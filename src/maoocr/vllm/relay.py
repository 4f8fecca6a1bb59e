"""A call of somebody else that is passed on, and its answer as it comes: no word of it is changed.

Only the name of the model is put in, and the server is told to count its tokens; what it counts is
taken out again where the caller did not ask for it (OpenAI API reference, chat completions).
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx
import msgspec

from ..domain import Spent
from .chat import OnText
from .endpoints import Endpoint
from .exchange import Answer, Exchange, Progress, Trace
from .failure import CallFailed
from .protocol import Chunk, Usage, chunk_of, finish_of

__all__ = ["Passage", "Relay"]

MOST_ANSWER_BYTES = 64 * 1024 * 1024
"""With the log probabilities of twenty words for each one, long answers come near to it."""

_CALLED = frozenset({"tool_calls", "function_call"})
"""Ends of an answer that is whole, beside `stop`."""


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Whole(msgspec.Struct):
    """An answer in one piece, as much of it as is looked at."""

    choices: list[_Choice]
    usage: Usage | None = None


@dataclass(eq=False, slots=True)
class Passage:
    """One call that is passed on.

    Attributes:
        fields: of the request's JSON, without the model, `stream` and `stream_options`.
        is_whole: the answer is to come in one piece.
        tells_usage: the caller wants to hear in the stream what was counted.
        attempts: at endpoints, each with how far it came.
        is_refused: a server says that it never takes such a request.
    """

    fields: Mapping[str, Any] = field(repr=False)
    is_whole: bool
    tells_usage: bool = False
    attempts: list[tuple[Endpoint, Progress]] = field(default_factory=list)
    is_refused: bool = False
    cut_loops: ClassVar[bool] = False

    def body_for(self, endpoint: Endpoint) -> bytes:
        """The JSON as it goes there."""
        values: dict[str, Any] = {**self.fields, "model": endpoint.model}
        if not self.is_whole:
            usage = {"include_usage": True}
            if endpoint.privacy == "local":
                # vLLM's own: what a stream cost is known although it is cut.
                usage["continuous_usage_stats"] = True
            values |= {"stream": True, "stream_options": usage}
        return msgspec.json.encode(values)

    @property
    def spent(self) -> Spent:
        """What it came to so far, by the prices of the endpoints."""
        some = [(e, p) for e, p in self.attempts if p.has_text or p.prompt_tokens]
        return Spent(
            # Who answered, or was asked last.
            endpoint=self.attempts[-1][0].name if self.attempts else "",
            calls=sum(progress.calls for _, progress in self.attempts),
            input_tokens=sum(progress.prompt_tokens for _, progress in some),
            output_tokens=sum(progress.completion_tokens for _, progress in some),
            cost=sum(e.cost_of(p.prompt_tokens, p.completion_tokens) for e, p in some),
        )


class Relay(Exchange):
    """One exchange on the wire for a passage; `on_text` hears the JSON of each event."""

    def __init__(
        self,
        endpoint: Endpoint,
        passage: Passage,
        progress: Progress,
        on_text: OnText | None,
        deadline: float | None,
    ) -> None:
        super().__init__(endpoint, passage, progress, on_text, deadline)
        self._passage = passage
        progress.is_silent = passage.is_whole
        if passage.is_whole:
            self._first_s = endpoint.total_s
        if all(known is not progress for _, known in passage.attempts):
            passage.attempts.append((endpoint, progress))

    async def run(
        self, begin: Callable[[Trace], AbstractAsyncContextManager[httpx.Response]]
    ) -> Answer:
        """As `Exchange.run`; of an answer that is passed on no text is kept."""
        try:
            return await super().run(begin)
        except CallFailed as failure:
            self._passage.is_refused = failure.reason == "request"
            raise

    async def _read(self, response: httpx.Response, scope: asyncio.Timeout) -> None:
        if not self._passage.is_whole:
            await super()._read(response, scope)
            return
        body = bytearray()
        async for raw in response.aiter_raw():
            body += raw
            if len(body) > MOST_ANSWER_BYTES:
                raise self._endless()
        try:
            found = msgspec.json.decode(body, type=_Whole)
            text = body.decode()
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            message = f"{self._endpoint.name} sent no answer of the protocol."
            raise CallFailed("broken", message) from error
        finishes = [choice.finish_reason for choice in found.choices]
        finish = next((_finish(said) for said in finishes if said), None)
        if finish is None:
            message = f"{self._endpoint.name} ended its answer without a reason."
            raise CallFailed("broken", message)
        end = finish_of(finish, self._endpoint)
        self._count(found.usage, 1)
        self._grow(text)
        self._answer = Answer("", end)

    def _take(self, data: bytes, scope: asyncio.Timeout) -> str | None:
        chunk = chunk_of(data, self._endpoint)
        self._count(chunk.usage, len(chunk.choices))
        if self._is_due:
            self._patience(scope, "idle", self._endpoint.idle_s)
        event = self._event(data, chunk)
        if event:
            self._grow(event.decode())
        return _finish(chunk.finish)

    def _count(self, usage: Usage | None, pieces: int) -> None:
        if usage is not None:
            self._progress.prompt_tokens = usage.prompt_tokens
            self._progress.completion_tokens = usage.completion_tokens or 0
        else:
            self._progress.completion_tokens += pieces

    def _event(self, data: bytes, chunk: Chunk) -> bytes:
        """The event as the caller asked for it; empty where he did not."""
        wants, is_count = self._passage.tells_usage, not chunk.choices and chunk.usage is not None
        if is_count:
            return data if wants else b""
        if b'"usage"' not in data:
            return data
        values = msgspec.json.decode(data)
        if wants:
            values["usage"] = None
        else:
            values.pop("usage", None)
        return msgspec.json.encode(values)

    def _keep(self, piece: str) -> None:
        self._length += len(piece)
        if self._length > MOST_ANSWER_BYTES:
            raise self._endless()

    def _endless(self) -> CallFailed:
        return CallFailed("broken", f"{self._endpoint.name} sends an answer without an end.")

    def _too_slow(self) -> CallFailed:
        failure = super()._too_slow()
        if self._limit == "total" and (self._progress.has_text or self._passage.is_whole):
            # How much there is to say was the caller's choice: it speaks against nobody.
            return CallFailed("deadline", failure.message, counts=False)
        return failure


def _finish(said: str | None) -> str | None:
    return "stop" if said in _CALLED else said
