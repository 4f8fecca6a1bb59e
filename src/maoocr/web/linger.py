"""Refusing an upload in the middle so that the caller still reads why.

A server that closes a connection with unread bytes in it resets it, and the caller's system may
then throw the answer away before he sees it. So the answer goes out first, then the rest of the
body is read and dropped, within bounds (RFC 9112, section 9.6).

A short body is read before the answer goes out. Its caller has sent it by then and keeps the
connection for his next request, which a proxy that is still busy with the body would throw away.
"""

import asyncio
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Linger"]

MAX_BYTES = 128 * 1024 * 1024
MAX_SECONDS = 5.0
SHORT_BYTES = 1024 * 1024
SHORT_SECONDS = 1.0


class Linger:
    """Middleware for requests that are answered before their body was read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive)

        async def send_and_drain(message: Message) -> None:
            if message["type"] == "http.response.start" and not body.is_over:
                if _is_short(scope) and not _waits_for_go(scope, body):
                    await body.drain(SHORT_SECONDS)
                if not body.is_over:
                    MutableHeaders(scope=message)["Connection"] = "close"
            is_last = message["type"] == "http.response.body" and not message.get("more_body")
            if is_last and not body.is_over and not _waits_for_go(scope, body):
                await send({**message, "more_body": True})
                await body.drain(MAX_SECONDS)
                await send({"type": "http.response.body"})
            else:
                await send(message)

        await self._app(scope, body.receive, send_and_drain)


class _Body:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_over = False
        self.has_begun = False

    async def receive(self) -> Message:
        message = await self._receive()
        self.has_begun = True
        if message["type"] != "http.request" or not message.get("more_body"):
            self.is_over = True
        return message

    async def drain(self, seconds: float) -> None:
        left, ends = MAX_BYTES, time.monotonic() + seconds
        while left > 0 and not self.is_over:
            try:
                async with asyncio.timeout(max(0.0, ends - time.monotonic())):
                    left -= len((await self.receive()).get("body", b""))
            except TimeoutError:
                return


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _is_short(scope: Scope) -> bool:
    told = Headers(scope=scope).get("content-length", "")
    return told.isdecimal() and len(told) <= len(str(SHORT_BYTES)) and int(told) <= SHORT_BYTES


def _waits_for_go(scope: Scope, body: _Body) -> bool:
    """The caller sends nothing before a `100 Continue`, which asking for the body would send."""
    return not body.has_begun and "expect" in Headers(scope=scope)
