"""The clients of a running server. They differ in `await` alone: `wire` knows the rest."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from ..domain import Requirements
from ..errors import MaoOCRError
from .history import AsyncHistory, History
from .jobs import AsyncJobs, Jobs
from .reply import Reply
from .wire import (
    Asked,
    Call,
    Document,
    Retry,
    costs_call,
    engines_call,
    health_call,
    opened,
    options_call,
    recognize_call,
    recognize_url_call,
    server_url,
    translated_failures,
    with_key,
)

__all__ = ["AsyncClient", "Client"]

T = TypeVar("T")

_DEFAULT_URL = "http://127.0.0.1:8000"


class Client:
    """A server, called from ordinary code. May be used by several threads at once."""

    def __init__(
        self,
        url: str = _DEFAULT_URL,
        *,
        timeout_s: float = 330.0,
        connect_timeout_s: float = 5.0,
        retries: int = 0,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make a client; no connection is opened yet.

        Args:
            url: of the server.
            timeout_s: how long the server may be silent, while it reads the document too.
            connect_timeout_s: for a connection.
            retries: attempts after the first when the server is busy or away (429 and 503); it is
                waited for as long as the server says (`Retry-After`).
            api_key: sent with every request; the one in MAOOCR_API_KEY when left out.
            headers: sent with every request.
            transport: another way to the server, such as `httpx.WSGITransport`.
            sleep: how to wait between attempts.

        Raises:
            InvalidRequest: the url is none of a server.
        """
        self._url = server_url(url)
        self._retry = Retry(retries)
        self._sleep = sleep
        timeout = httpx.Timeout(timeout_s, connect=connect_timeout_s)
        headers = with_key(headers, api_key)
        self._http = httpx.Client(
            base_url=self._url, timeout=timeout, headers=headers, transport=transport
        )
        self.jobs = Jobs(self._http, self._send)
        self.history = History(self._send)

    def recognize(
        self,
        document: Document,
        *,
        requirements: Requirements | Mapping[str, Any] | None = None,
        **asked: Unpack[Asked],
    ) -> Reply:
        """Read the text of an image or a document.

        Args:
            document: a path, the bytes, or a file open for reading in binary.
            requirements: what is needed of the answer.
            asked: options of the recognition (`Asked`).

        Raises:
            MaoOCRError: as the tree in `errors` tells, with the `request_id`.
            OSError: the path cannot be read.
        """
        with opened(document) as data:
            return self._send(recognize_call(data, requirements, asked))

    def recognize_url(
        self,
        url: str,
        *,
        requirements: Requirements | Mapping[str, Any] | None = None,
        **asked: Unpack[Asked],
    ) -> Reply:
        """Read what lies behind a URL, which the server fetches, if it offers that (`options`).

        Raises:
            Forbidden: it does not, or it may not go there.
            FetchFailed: there is no document.
            MaoOCRError: as of `recognize`.
        """
        return self._send(recognize_url_call(url, requirements, asked))

    def recognize_with_requirements(
        self,
        document: Document,
        requirements: Requirements | Mapping[str, Any],
        **asked: Unpack[Asked],
    ) -> Reply:
        """Read with the engine that suits what is required; else as `recognize`."""
        return self.recognize(document, requirements=requirements, **asked)

    def engines(self) -> dict[str, Any]:
        """The server's engines, as JSON values."""
        return self._send(engines_call())

    def costs(self, month: str = "") -> dict[str, Any]:
        """What a month in UTC (`2026-11`, or the present one) cost, as JSON values."""
        return self._send(costs_call(month))

    def options(self) -> dict[str, Any]:
        """The options that a recognition takes, as JSON values."""
        return self._send(options_call())

    def health(self) -> dict[str, Any]:
        """The state of the server and of what it depends on; also when it is not well."""
        return self._send(health_call())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            try:
                with translated_failures(self._url):
                    response = self._http.request(call.method, call.path, **call.parts)
                return call.parse(response)
            except MaoOCRError as error:
                pause_s = self._retry.pause_s(error, attempt)
                if pause_s is None:
                    raise
            self._sleep(pause_s)
            attempt += 1


class AsyncClient:
    """A server, called from a coroutine. Belongs to one event loop."""

    def __init__(
        self,
        url: str = _DEFAULT_URL,
        *,
        timeout_s: float = 330.0,
        connect_timeout_s: float = 5.0,
        retries: int = 0,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Make a client; the arguments are those of `Client`."""
        self._url = server_url(url)
        self._retry = Retry(retries)
        self._sleep = sleep
        timeout = httpx.Timeout(timeout_s, connect=connect_timeout_s)
        headers = with_key(headers, api_key)
        self._http = httpx.AsyncClient(
            base_url=self._url, timeout=timeout, headers=headers, transport=transport
        )
        self.jobs = AsyncJobs(self._http, self._send)
        self.history = AsyncHistory(self._send)

    async def recognize(
        self,
        document: Document,
        *,
        requirements: Requirements | Mapping[str, Any] | None = None,
        **asked: Unpack[Asked],
    ) -> Reply:
        """Read the text of an image or a document; see `Client.recognize`."""
        with ExitStack() as stack:
            data = await asyncio.to_thread(stack.enter_context, opened(document))
            return await self._send(recognize_call(data, requirements, asked))

    async def recognize_url(
        self,
        url: str,
        *,
        requirements: Requirements | Mapping[str, Any] | None = None,
        **asked: Unpack[Asked],
    ) -> Reply:
        """Read what lies behind a URL; see `Client.recognize_url`."""
        return await self._send(recognize_url_call(url, requirements, asked))

    async def recognize_with_requirements(
        self,
        document: Document,
        requirements: Requirements | Mapping[str, Any],
        **asked: Unpack[Asked],
    ) -> Reply:
        """Read with the engine that suits what is required; else as `recognize`."""
        return await self.recognize(document, requirements=requirements, **asked)

    async def engines(self) -> dict[str, Any]:
        """The server's engines, as JSON values."""
        return await self._send(engines_call())

    async def costs(self, month: str = "") -> dict[str, Any]:
        """What a month in UTC (`2026-11`, or the present one) cost, as JSON values."""
        return await self._send(costs_call(month))

    async def options(self) -> dict[str, Any]:
        """The options that a recognition takes, as JSON values."""
        return await self._send(options_call())

    async def health(self) -> dict[str, Any]:
        """The state of the server and of what it depends on; also when it is not well."""
        return await self._send(health_call())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _send(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            try:
                with translated_failures(self._url):
                    response = await self._http.request(call.method, call.path, **call.parts)
                return call.parse(response)
            except MaoOCRError as error:
                pause_s = self._retry.pause_s(error, attempt)
                if pause_s is None:
                    raise
            await self._sleep(pause_s)
            attempt += 1
