"""The wire to one endpoint: streaming calls over one pool of connections."""

import asyncio
import itertools
import secrets
from contextlib import AbstractAsyncContextManager
from functools import partial

import httpx

from .. import __version__
from ..telemetry.logging import request_id_var
from .chat import ChatRequest, OnText
from .endpoints import Endpoint
from .exchange import BROKEN, Answer, Exchange, Progress, Stale, Trace, unreached
from .failure import CallFailed
from .protocol import body_of
from .relay import Passage, Relay

__all__ = ["EndpointClient"]

KEEPALIVE_S = 4.0
"""vLLM closes a connection that was idle for 5 s; one that is closed meanwhile costs a retry."""
STALE_ATTEMPTS = 16
"""Connections of the pool that may turn out to be closed before a new one is opened."""


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
        self._tag = secrets.token_hex(3)

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
        except BROKEN as error:
            raise unreached(self.endpoint, error) from error

    async def call(
        self,
        request: ChatRequest | Passage,
        progress: Progress,
        *,
        on_text: OnText | None = None,
        deadline: float | None = None,
    ) -> Answer:
        """Ask once; cancelling closes the stream, so that the server ends its work.

        Args:
            request: what is asked, or what somebody else asks.
            progress: is kept up to date.
            on_text: hears each piece.
            deadline: of `time.monotonic()`.

        Raises:
            CallFailed: there is no text with an end.
        """
        if isinstance(request, Passage):
            body = request.body_for(self.endpoint)
        else:
            body = body_of(request, self.endpoint)
        for _ in range(STALE_ATTEMPTS):
            try:
                progress.calls += 1
                exchange = self._exchange(request, progress, on_text, deadline)
                return await exchange.run(partial(self._begin, body))
            except Stale:
                continue
        raise CallFailed("connect", f"{self.endpoint.name} closes every connection.")

    def _exchange(
        self,
        request: ChatRequest | Passage,
        progress: Progress,
        on_text: OnText | None,
        deadline: float | None,
    ) -> Exchange:
        if isinstance(request, Passage):
            return Relay(self.endpoint, request, progress, on_text, deadline)
        return Exchange(self.endpoint, request, progress, on_text, deadline)

    def _begin(self, body: bytes, trace: Trace) -> AbstractAsyncContextManager[httpx.Response]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        request_id = request_id_var.get()
        if request_id and self.endpoint.privacy == "local":
            # vLLM makes its own id of this one: it must not come twice at a time, and a request may
            # make many calls, just as callers may give many requests one id, at several gateways.
            headers["X-Request-Id"] = f"{request_id}-{self._tag}-{next(self._numbers)}"
        return self._http.stream(
            "POST",
            f"{self.endpoint.url}/chat/completions",
            content=body,
            headers=headers,
            extensions={"trace": trace},
        )
