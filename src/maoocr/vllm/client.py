"""The wire to one endpoint: streaming calls over one pool of connections."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from .. import __version__
from ..telemetry.logging import request_id_var
from .chat import ChatRequest, FinishReason, OnText
from .endpoints import Endpoint
from .failure import CallFailed
from .loops import LoopWatch
from .protocol import body_of, chunk_of, failure_of, finish_of
from .sse import EventLines, LineTooLong

__all__ = ["Answer", "EndpointClient", "Progress"]

KEEPALIVE_S = 4.0
"""vLLM closes a connection that was idle for 5 s; one that is closed meanwhile costs a retry."""
STALE_ATTEMPTS = 16
"""Connections of the pool that may turn out to be closed before a new one is opened."""
AFTER_END_S = 1.0
"""For the rest of a stream whose text is whole, so that its connection can be used again."""
MOST_ERROR_BYTES = 16 * 1024
MOST_TEXT = 4 * 1024 * 1024

_UNREACHED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_BROKEN = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)

_Limit = Literal["first", "idle", "total", "deadline", "end"]


@dataclass(slots=True)
class Progress:
    """How far a call has come; true however it ends, so that what it cost is known.

    Attributes:
        calls: attempts on the wire.
        first_token_s: seconds from the request to the first piece of text; None before it.
        last_at: moment of `time.monotonic()` at which the last piece came.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    first_token_s: float | None = None
    last_at: float | None = None

    @property
    def has_text(self) -> bool:
        """A piece of text has come."""
        return self.first_token_s is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """A text that has an end."""

    text: str
    finish_reason: FinishReason


class _Stale(Exception):
    """The connection was closed by the server while it lay in the pool."""


class EndpointClient:
    """Calls one endpoint; has one pool of connections, which opens when it is first needed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        headers = {"User-Agent": f"maoocr/{__version__}", "Accept-Encoding": "identity"}
        if endpoint.api_key:
            headers["Authorization"] = f"Bearer {endpoint.api_key}"
        self._http = httpx.AsyncClient(
            headers=headers,
            # Silence is measured here, by what has come: httpx would measure each read alone.
            timeout=httpx.Timeout(None, connect=endpoint.connect_s),
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=endpoint.concurrency,
                keepalive_expiry=KEEPALIVE_S,
            ),
            # A proxy of the environment leads out of the house.
            trust_env=endpoint.privacy == "remote",
        )
        self._numbers = itertools.count(1)

    async def close(self) -> None:
        """Let all connections go."""
        await self._http.aclose()

    async def fetch(self, url: str, limit_s: float, method: str = "GET") -> tuple[int, bytes]:
        """Ask one of the server's small routes; status and body.

        Raises:
            CallFailed: there was no answer within the limit.
        """
        try:
            async with asyncio.timeout(limit_s):
                response = await self._http.request(method, url)
                return response.status_code, response.content
        except TimeoutError:
            message = f"{self.endpoint.name} did not answer within {limit_s:g} s."
            raise CallFailed("timeout", message) from None
        except _BROKEN as error:
            raise self._unreached(error) from error

    async def call(
        self,
        request: ChatRequest,
        progress: Progress,
        *,
        on_text: OnText | None = None,
        deadline: float | None = None,
    ) -> Answer:
        """Ask once; cancelling closes the stream, so that the server ends its work.

        Args:
            request: what is asked.
            progress: is kept up to date.
            on_text: hears each piece.
            deadline: of `time.monotonic()`.

        Raises:
            CallFailed: there is no text with an end.
        """
        body = body_of(request, self.endpoint)
        for _ in range(STALE_ATTEMPTS):
            try:
                progress.calls += 1
                return await _Call(self, request, progress, on_text, deadline).run(body)
            except _Stale:
                continue
        raise CallFailed("connect", f"{self.endpoint.name} closes every connection.")

    def stream(self, body: bytes, trace: Callable[[str, Any], Awaitable[None]]) -> Any:
        """The exchange of one call, as context manager of its response."""
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        request_id = request_id_var.get()
        if request_id and self.endpoint.privacy == "local":
            # vLLM makes its own id of this one: it must not come twice at a time.
            headers["X-Request-Id"] = f"{request_id}-{next(self._numbers)}"
        return self._http.stream(
            "POST",
            f"{self.endpoint.url}/chat/completions",
            content=body,
            headers=headers,
            extensions={"trace": trace},
        )

    def _unreached(self, error: Exception) -> CallFailed:
        if isinstance(error, httpx.TimeoutException):
            why = f"within {self.endpoint.connect_s:g} s"
        else:
            why = f"({type(error).__name__})"
        return CallFailed("connect", f"{self.endpoint.name} cannot be reached {why}.")

    def lost(self, error: Exception, *, has_answer: bool, is_fresh: bool) -> Exception:
        """What a broken connection means."""
        if isinstance(error, _UNREACHED):
            return self._unreached(error)
        if not has_answer and not is_fresh:
            return _Stale()
        at = "in the middle of its answer" if has_answer else "without an answer"
        return CallFailed("broken", f"{self.endpoint.name} closed the connection {at}.")


class _Call:
    """One exchange on the wire."""

    def __init__(
        self,
        client: EndpointClient,
        request: ChatRequest,
        progress: Progress,
        on_text: OnText | None,
        deadline: float | None,
    ) -> None:
        self._client = client
        self._endpoint = client.endpoint
        self._progress = progress
        self._on_text = on_text
        self._deadline = deadline
        self._watch = LoopWatch() if request.cut_loops else None
        self._begun = time.monotonic()
        self._limit: _Limit = "first"
        self._is_fresh = False
        self._has_answer = False
        self._pieces: list[str] = []
        self._length = 0
        self._answer: Answer | None = None

    async def run(self, body: bytes) -> Answer:
        try:
            async with asyncio.timeout(None) as scope:
                self._patience(scope, "first", self._endpoint.first_token_s)
                await self._exchange(body, scope)
        except TimeoutError:
            if self._limit != "end":
                raise self._too_slow() from None
        except _BROKEN as error:
            if self._answer is None:
                is_fresh, has_answer = self._is_fresh, self._has_answer
                raise self._client.lost(error, has_answer=has_answer, is_fresh=is_fresh) from error
        if self._answer is None:
            raise CallFailed("broken", f"{self._endpoint.name} broke its answer off.")
        return self._answer

    async def _exchange(self, body: bytes, scope: asyncio.Timeout) -> None:
        async with self._client.stream(body, self._trace) as response:
            self._has_answer = True
            if response.status_code != 200:
                start = await _start_of(response)
                wait = response.headers.get("retry-after")
                raise failure_of(self._endpoint, response.status_code, start, wait)
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
        if piece or chunk.finish:
            self._patience(scope, "idle", self._endpoint.idle_s)
        if piece:
            self._grow(piece)
        return chunk.finish

    def _grow(self, piece: str) -> None:
        self._progress.last_at = now = time.monotonic()
        if not self._progress.has_text:
            self._progress.first_token_s = now - self._begun
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length > MOST_TEXT:
            raise CallFailed("broken", f"{self._endpoint.name} sends text without an end.")
        if self._on_text is not None:
            self._on_text(piece)
        loop = self._watch.feed(piece) if self._watch else None
        if loop is not None:
            # Once is what the page may say.
            text = "".join(self._pieces)[: loop.start + loop.period]
            self._answer = Answer(text, "loop")

    def _end(self, finish: str | None, scope: asyncio.Timeout) -> None:
        if finish is None:
            message = f"{self._endpoint.name} ended its answer without a reason."
            raise CallFailed("broken", message)
        self._answer = Answer("".join(self._pieces), finish_of(finish, self._endpoint))
        self._limit = "end"
        scope.reschedule(asyncio.get_running_loop().time() + AFTER_END_S)

    def _patience(self, scope: asyncio.Timeout, limit: _Limit, limit_s: float) -> None:
        """Wait no longer than this for what comes next."""
        now = time.monotonic()
        waits: dict[_Limit, float] = {limit: limit_s}
        waits["total"] = self._begun + self._endpoint.total_s - now
        if self._deadline is not None:
            waits["deadline"] = self._deadline - now
        self._limit = min(waits, key=lambda name: waits[name])
        scope.reschedule(asyncio.get_running_loop().time() + max(0.0, waits[self._limit]))

    def _too_slow(self) -> CallFailed:
        name, endpoint = self._endpoint.name, self._endpoint
        if self._limit == "deadline":
            # Silence that lasted speaks against the endpoint, whoever had no time for more.
            waited_s = time.monotonic() - self._begun
            is_mute = not self._progress.has_text and waited_s >= 0.5 * endpoint.first_token_s
            message = f"{name} was not done in the time that the page may take."
            return CallFailed("deadline", message, counts=is_mute)
        told = {
            "first": f"did not begin to answer within {endpoint.first_token_s:g} s (first_token_s)",
            "idle": f"fell silent for {endpoint.idle_s:g} s in its answer (idle_s)",
        }.get(self._limit, f"was not done within {endpoint.total_s:g} s (total_s)")
        return CallFailed("timeout", f"{name} {told}.")

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
