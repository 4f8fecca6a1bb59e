"""One exchange with an endpoint: a request goes out, a stream of text comes back, or does not."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import httpx

from .chat import FinishReason, OnText
from .endpoints import Endpoint
from .failure import CallFailed
from .loops import LoopWatch
from .protocol import chunk_of, failure_of, finish_of
from .sse import EventLines, LineTooLong

__all__ = ["BROKEN", "Answer", "Exchange", "Progress", "Stale", "Trace", "unreached"]

AFTER_END_S = 1.0
"""For the rest of a stream whose text is whole, so that its connection can be used again."""
RENEW_S = 0.1
"""Pieces come by the thousand: patience is renewed for those of this time together."""
MOST_ERROR_BYTES = 16 * 1024
MOST_TEXT = 4 * 1024 * 1024

_UNREACHED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
BROKEN = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)
"""What httpx raises when there is no answer, or no more of it."""

_Limit = Literal["first", "idle", "total", "deadline", "end"]
Trace = Callable[[str, Any], Awaitable[None]]


@dataclass(slots=True)
class Progress:
    """How far a call has come; true however it ends, so that what it cost is known.

    Attributes:
        calls: attempts on the wire.
        first_token_s: seconds from the request to the first piece of text; None before it.
        last_at: moment of `time.monotonic()` at which the last piece came.
        is_silent: the text comes in one piece at the end, so that no text says nothing.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    first_token_s: float | None = None
    last_at: float | None = None
    is_silent: bool = False

    @property
    def has_text(self) -> bool:
        """A piece of text has come."""
        return self.first_token_s is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """A text that has an end."""

    text: str
    finish_reason: FinishReason


class Stale(Exception):
    """The connection was closed by the server while it lay in the pool."""


def unreached(endpoint: Endpoint, error: Exception) -> CallFailed:
    """What it means that no connection came about."""
    if isinstance(error, httpx.TimeoutException):
        why = f"within {endpoint.connect_s:g} s"
    else:
        why = f"({type(error).__name__})"
    return CallFailed("connect", f"{endpoint.name} cannot be reached {why}.")


class Asked(Protocol):
    """As much of a request as an exchange has to know."""

    @property
    def cut_loops(self) -> bool:
        """End the answer when it goes round in circles."""


class Exchange:
    """One exchange on the wire."""

    def __init__(
        self,
        endpoint: Endpoint,
        request: Asked,
        progress: Progress,
        on_text: OnText | None,
        deadline: float | None,
    ) -> None:
        self._endpoint = endpoint
        self._progress = progress
        self._on_text = on_text
        self._deadline = deadline
        self._watch = LoopWatch() if request.cut_loops else None
        self._begun = time.monotonic()
        self._limit: _Limit = "first"
        self._first_s = endpoint.first_token_s
        self._renewed_at = 0.0
        self._is_fresh = False
        self._has_answer = False
        self._pieces: list[str] = []
        self._length = 0
        self._answer: Answer | None = None

    async def run(
        self, begin: Callable[[Trace], AbstractAsyncContextManager[httpx.Response]]
    ) -> Answer:
        """Have it; cancelling closes the stream.

        Args:
            begin: sends the request.

        Raises:
            CallFailed: there is no text with an end.
            Stale: nothing was sent back on a connection that had been used before.
        """
        try:
            async with asyncio.timeout(None) as scope:
                self._patience(scope, "first", self._first_s)
                await self._receive(begin, scope)
        except TimeoutError:
            if self._limit != "end":
                raise self._too_slow() from None
        except BROKEN as error:
            if self._answer is None:
                raise self._lost(error) from error
        if self._answer is None:
            raise CallFailed("broken", f"{self._endpoint.name} broke its answer off.")
        return self._answer

    async def _receive(
        self,
        begin: Callable[[Trace], AbstractAsyncContextManager[httpx.Response]],
        scope: asyncio.Timeout,
    ) -> None:
        async with begin(self._trace) as response:
            self._has_answer = True
            if response.status_code != 200:
                start = await _start_of(response)
                wait = response.headers.get("retry-after")
                raise failure_of(self._endpoint, response.status_code, start, wait)
            await self._read(response, scope)

    async def _read(self, response: httpx.Response, scope: asyncio.Timeout) -> None:
        lines, finish = EventLines(), None
        async for raw in response.aiter_raw():
            for data in self._lines(lines, raw):
                if data == b"[DONE]":
                    self._end(finish, scope)
                elif not self._is_over():
                    finish = self._take(data, scope) or finish
                    if self._is_over():
                        return

    def _is_over(self) -> bool:
        return self._answer is not None

    def _lines(self, lines: EventLines, raw: bytes) -> list[bytes]:
        try:
            return list(lines.feed(raw))
        except LineTooLong:
            message = f"{self._endpoint.name} sent a piece without an end."
            raise CallFailed("broken", message) from None

    def _take(self, data: bytes, scope: asyncio.Timeout) -> str | None:
        """Note what one event says; why the text ends, where it does."""
        chunk, progress = chunk_of(data, self._endpoint), self._progress
        piece = chunk.text
        if chunk.usage is not None:
            progress.prompt_tokens = chunk.usage.prompt_tokens
            progress.completion_tokens = chunk.usage.completion_tokens or 0
        elif piece:
            progress.completion_tokens += 1
        if (piece or chunk.finish) and self._is_due:
            self._patience(scope, "idle", self._endpoint.idle_s)
        if piece:
            self._grow(piece)
        return chunk.finish

    @property
    def _is_due(self) -> bool:
        """Patience is to be renewed."""
        return not self._progress.has_text or time.monotonic() - self._renewed_at > RENEW_S

    def _grow(self, piece: str) -> None:
        self._progress.last_at = now = time.monotonic()
        if not self._progress.has_text:
            self._progress.first_token_s = now - self._begun
        self._keep(piece)
        if self._on_text is not None:
            self._on_text(piece)
        loop = self._watch.feed(piece) if self._watch else None
        if loop is not None:
            # Once is what the page may say.
            text = "".join(self._pieces)[: loop.start + loop.period]
            self._answer = Answer(text, "loop")

    def _keep(self, piece: str) -> None:
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length > MOST_TEXT:
            raise CallFailed("broken", f"{self._endpoint.name} sends text without an end.")

    def _end(self, finish: str | None, scope: asyncio.Timeout) -> None:
        if finish is None:
            message = f"{self._endpoint.name} ended its answer without a reason."
            raise CallFailed("broken", message)
        self._answer = Answer("".join(self._pieces), finish_of(finish, self._endpoint))
        self._limit = "end"
        scope.reschedule(asyncio.get_running_loop().time() + AFTER_END_S)

    def _patience(self, scope: asyncio.Timeout, limit: _Limit, limit_s: float) -> None:
        """Wait no longer than this for what comes next."""
        self._renewed_at = now = time.monotonic()
        waits: dict[_Limit, float] = {limit: limit_s}
        waits["total"] = self._begun + self._endpoint.total_s - now
        if self._deadline is not None:
            waits["deadline"] = self._deadline - now
        self._limit = min(waits, key=lambda name: waits[name])
        scope.reschedule(asyncio.get_running_loop().time() + max(0.0, waits[self._limit]))

    def _too_slow(self) -> CallFailed:
        name, endpoint, progress = self._endpoint.name, self._endpoint, self._progress
        if self._limit == "deadline":
            # Silence that lasted speaks against the endpoint, whoever had no time for more.
            waited_s = time.monotonic() - self._begun
            is_mute = (
                not progress.has_text
                and not progress.is_silent
                and waited_s >= 0.5 * endpoint.first_token_s
            )
            message = f"{name} was not done in the time that the page may take."
            return CallFailed("deadline", message, counts=is_mute)
        told = {
            "first": f"did not begin to answer within {endpoint.first_token_s:g} s (first_token_s)",
            "idle": f"fell silent for {endpoint.idle_s:g} s in its answer (idle_s)",
        }.get(self._limit, f"was not done within {endpoint.total_s:g} s (total_s)")
        return CallFailed("timeout", f"{name} {told}.")

    def _lost(self, error: Exception) -> Exception:
        """What a broken connection means."""
        if isinstance(error, _UNREACHED):
            return unreached(self._endpoint, error)
        if not self._has_answer and not self._is_fresh:
            return Stale()
        at = "in the middle of its answer" if self._has_answer else "without an answer"
        return CallFailed("broken", f"{self._endpoint.name} closed the connection {at}.")

    async def _trace(self, event: str, info: Any) -> None:
        if event == "connection.connect_tcp.started":
            self._is_fresh = True


async def _start_of(response: httpx.Response) -> bytes:
    """The beginning of an error's body, as much of it as comes."""
    start = b""
    try:
        async for raw in response.aiter_raw():
            start += raw
            if len(start) > MOST_ERROR_BYTES:
                break
    except httpx.HTTPError:
        pass
    return start
