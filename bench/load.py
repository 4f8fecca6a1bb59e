"""A light HTTP client: the load must cost less than what it measures."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import httptools

__all__ = ["Answer", "Connection", "closed_loop", "get_request", "recognize_request"]

T = TypeVar("T")

RECOGNIZE = "/api/ocr/recognize"
_BOUNDARY = "bench-7f3a9c51e2"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        headers: names in lower case.
        first_s: seconds from sending to the first bytes of the body.
        seconds: to the last.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    first_s: float
    seconds: float

    def json(self) -> Any:
        """The body as JSON values."""
        return json.loads(self.body)

    @property
    def retry_after_s(self) -> float:
        """What the server asks to wait before the next attempt."""
        return float(self.headers.get("retry-after", "1"))


class Connection(asyncio.Protocol):
    """One kept-alive connection, one request at a time; connects again when it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None

    async def ask(self, request: bytes) -> Answer:
        """Send a request and return its answer.

        Raises:
            ConnectionError: there was none.
        """
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        assert self._transport is not None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._first = 0.0
        self._answer = loop.create_future()
        self._sent = time.perf_counter()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not descend from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("The server closed the connection."))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        if not self._body:
            self._first = time.perf_counter()
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        ended = time.perf_counter()
        status = self._parser.get_status_code()
        first = (self._first or ended) - self._sent
        body = b"".join(self._body)
        if self._headers.get("connection") == "close":
            self.close()
        assert self._answer is not None
        if status >= 200 and not self._answer.done():
            answer = Answer(status, self._headers, body, first, ended - self._sent)
            self._answer.set_result(answer)


def recognize_request(
    document: bytes,
    *,
    name: str = "page.png",
    fields: Mapping[str, str] | None = None,
    cache: bool = False,
) -> bytes:
    """The bytes of a multipart request, as curl and browsers send it."""
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in (fields or {}).items()
    ]
    head = (
        "".join(parts) + f"--{_BOUNDARY}\r\nContent-Disposition: form-data;"
        f' name="image"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    ).encode()
    tail = f"\r\n--{_BOUNDARY}--\r\n".encode()
    length = len(head) + len(document) + len(tail)
    top = (
        f"POST {RECOGNIZE} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {length}\r\n" + ("" if cache else "Cache-Control: no-store\r\n") + "\r\n"
    ).encode()
    return b"".join((top, head, document, tail))


def get_request(path: str) -> bytes:
    """The bytes of a GET."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


async def closed_loop(
    port: int,
    items: Iterable[T],
    request_of: Callable[[T], bytes | Awaitable[bytes]],
    take: Callable[[T, Answer], None],
    *,
    concurrency: int,
) -> int:
    """Send a request for each item, so many at a time, each as soon as one is answered.

    A 429 is asked again after the time that the server names.

    Args:
        port: of the server on the loopback.
        items: taken as needed.
        request_of: makes the request of an item.
        take: is given each item with its last answer.
        concurrency: requests in flight at once.

    Returns:
        How often the server answered 429.
    """
    waiting: Iterator[T] = iter(items)
    refused = 0

    async def caller() -> None:
        nonlocal refused
        connection = Connection(port)
        try:
            for item in waiting:
                made = request_of(item)
                request = made if isinstance(made, bytes) else await made
                while (answer := await connection.ask(request)).status == 429:
                    refused += 1
                    await asyncio.sleep(answer.retry_after_s)
                take(item, answer)
        finally:
            connection.close()

    async with asyncio.TaskGroup() as callers:
        for _ in range(concurrency):
            callers.create_task(caller())
    return refused
