"""The other side: servers that answer as they are told, and names that lead to them."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

import trustme
from prometheus_client import CollectorRegistry

from maoocr.outbound.addresses import Address, Policy
from maoocr.outbound.fetch import Fetcher
from maoocr.outbound.resolver import NameNotFound
from maoocr.settings import OutboundSettings
from maoocr.telemetry.metrics import Metrics

LIMIT = 64 * 1024

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Outside:
    """A server on the loopback.

    Attributes:
        answers: by path; bytes are sent as they are, after which the connection is closed.
        requests: the head of each, as it came, and its body.
        connections: how many were made.
        left: set when a caller closed his connection.
    """

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = _length(head)
            self.requests.append(head + await reader.readexactly(length))
            self.asked.set()
            path = head.split(b" ")[1].decode().partition("?")[0]
            answer = self.answers[path]
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
                # Silence, until the caller has enough.
                await reader.read()
                self.left.set()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


@contextlib.asynccontextmanager
async def outside(
    tls: ssl.SSLContext | None = None, listener: socket.socket | None = None
) -> AsyncIterator[Outside]:
    """A server that listens until the end; on a port of its own when none is given."""
    place = Outside()
    listener = listener.dup() if listener else socket.create_server(("127.0.0.1", 0))
    server = await asyncio.start_server(place.serve, sock=listener, ssl=tls)
    place.port = server.sockets[0].getsockname()[1]
    try:
        yield place
    finally:
        server.close()


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def redirect(location: str, status: int = 302) -> bytes:
    return reply(b"", f"Location: {location}", status=f"{status} Moved")


class Names:
    """A resolver: each look-up of a name takes its next answer, and stays at the last."""

    def __init__(self, **answers: Sequence[str | Sequence[str]]) -> None:
        self._answers = {
            name.replace("_", "."): [[one] if isinstance(one, str) else list(one) for one in each]
            for name, each in answers.items()
        }
        self.asked: list[str] = []

    async def resolve(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        answers = self._answers.get(host)
        if answers is None:
            raise NameNotFound(host)
        now = answers.pop(0) if len(answers) > 1 else answers[0]
        return [ip_address(one) for one in now]


class SilentNames:
    """A resolver that never says a word."""

    async def resolve(self, host: str) -> Sequence[Address]:
        await asyncio.Event().wait()
        raise AssertionError


def settings_for(*places: Outside, **changes: object) -> OutboundSettings:
    """Settings that let the ports of the servers be dialled, with limits that a test can await."""
    ports = ",".join(["80", "443", *(str(place.port) for place in places)])
    values: dict[str, object] = {
        "image_url": True,
        "allow": "127.0.0.1",
        "ports": ports,
        "connect_seconds": 5.0,
        "idle_seconds": 5.0,
        "fetch_seconds": 20.0,
    }
    return OutboundSettings.model_validate(values | changes)


def trust(authority: trustme.CA | None = None) -> ssl.SSLContext:
    """What a caller trusts: that authority alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority is not None:
        authority.configure_trust(context)
    return context


def certificate(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """What a server shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


class Taker:
    """A fetcher, and what it brought."""

    def __init__(
        self,
        settings: OutboundSettings,
        names: Names | SilentNames | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        policy = Policy.from_lists(settings.allow, settings.deny)
        self.metrics = Metrics(CollectorRegistry())
        self.fetcher = Fetcher(
            policy, names or Names(), settings, tls or trust(), LIMIT, self.metrics
        )
        self.got = bytearray()

    async def take(self, url: str) -> bytes:
        async def sink(chunk: bytes) -> None:
            self.got += chunk

        await self.fetcher.fetch(url, sink, client="anna")
        return bytes(self.got)
