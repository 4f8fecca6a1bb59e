"""The connection by itself: bytes in by hand, on a transport that only takes notes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from maoocr.web.connection import BODY_BYTES, HEAD_BYTES, Connection, Corked
from maoocr.web.turnstile import CROWD, PER_TURN

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


def post(body: bytes, length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    return b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length + body


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(100_000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came about")


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.calls = 0
        self.is_paused = False
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.sent += data
        self.calls += 1

    def writelines(self, parts: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        self.write(b"".join(parts))

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


class Server:
    """Answers each request with its body, and notes whether there was a crowd."""

    def __init__(self) -> None:
        self.config = Config(self.app, log_config=None, lifespan="off", interface="asgi3")
        self.config.load()
        self.state = ServerState()
        self.crowded: list[bool] = []

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.crowded.append(scope["state"]["is_crowded"])
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def connect(self) -> tuple[Connection, Wire]:
        connection = Connection(self.config, self.state, {})
        wire = Wire()
        connection.connection_made(wire)
        return connection, wire

    async def answered(self) -> None:
        await until(lambda: not self.state.tasks)


def feed(connection: Connection, data: bytes) -> None:
    while data:
        buffer = connection.get_buffer(-1)
        part = data[: len(buffer)]
        buffer[: len(part)] = part
        connection.buffer_updated(len(part))
        data = data[len(part) :]


def crowd(server: Server, count: int) -> list[Wire]:
    wires = []
    for number in range(count):
        connection, wire = server.connect()
        feed(connection, post(b"%d" % number))
        wires.append(wire)
    return wires


async def test_a_probe_begins_before_a_crowd_that_came_earlier() -> None:
    server = Server()
    wires = crowd(server, 50)
    connection, probe = server.connect()
    feed(connection, GET)
    await server.answered()
    assert probe.sent.startswith(b"HTTP/1.1 200")
    assert sum(bool(wire.sent) for wire in wires) <= 2 * PER_TURN


async def test_each_of_a_crowd_gets_its_own_answer_and_knows_of_the_crowd() -> None:
    server = Server()
    wires = crowd(server, 2 * CROWD)
    await until(lambda: all(wire.sent for wire in wires))
    await server.answered()
    for number, wire in enumerate(wires):
        assert wire.sent.endswith(b"\r\n\r\n%d" % number)
    assert server.crowded.count(True) == CROWD - PER_TURN


async def test_of_a_request_that_waits_little_is_read_and_nothing_lost() -> None:
    server = Server()
    crowd(server, 50)
    body = bytes(range(256)) * 1000
    connection, wire = server.connect()
    data = post(body)
    assert len(connection.get_buffer(-1)) == HEAD_BYTES
    feed(connection, data[: HEAD_BYTES + 100])
    assert wire.is_paused
    await until(lambda: not wire.is_paused)
    assert len(connection.get_buffer(-1)) == BODY_BYTES
    feed(connection, data[HEAD_BYTES + 100 :])
    await until(lambda: bool(wire.sent))
    assert wire.sent.endswith(body)


async def test_what_has_arrived_is_answered_at_the_end() -> None:
    server = Server()
    wires = crowd(server, 20)
    for connection in list(server.state.connections):
        connection.shutdown()
    await server.answered()
    assert all(wire.sent.startswith(b"HTTP/1.1 200") and wire.is_closed for wire in wires)


async def test_who_hangs_up_while_he_waits_is_forgotten() -> None:
    server = Server()
    wires = crowd(server, 20)
    connection, wire = server.connect()
    feed(connection, post(b"gone"))
    wire.close()
    connection.connection_lost(None)
    await until(lambda: all(each.sent for each in wires))
    await server.answered()
    assert (wire.sent, len(server.crowded)) == (b"", 20)


async def test_requests_in_a_row_on_one_connection_are_answered_in_order() -> None:
    server = Server()
    connection, wire = server.connect()
    feed(connection, post(b"first") + post(b"second") + GET)
    await server.answered()
    assert wire.sent.index(b"first") < wire.sent.index(b"second")
    assert wire.sent.count(b"HTTP/1.1 200") == 3


async def test_what_is_no_http_gets_the_one_error_body() -> None:
    server = Server()
    connection, wire = server.connect()
    feed(connection, b"\x16\x03\x01\x02\x00 not http\r\n\r\n")
    head, _, body = wire.sent.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    error = json.loads(body)["error"]
    assert (error["code"], error["retryable"]) == ("bad_input", False)
    assert error["request_id"].encode() in head
    assert wire.is_closed


async def test_an_answer_goes_out_in_one_piece() -> None:
    server = Server()
    connection, wire = server.connect()
    feed(connection, post(b"small"))
    await server.answered()
    assert wire.sent.endswith(b"\r\n\r\nsmall")
    assert wire.calls == 1


async def test_what_nothing_follows_is_sent_in_the_same_turn() -> None:
    wire = Wire()
    corked = Corked(wire, asyncio.get_running_loop())
    corked.write(b"head")
    assert wire.sent == b""
    await asyncio.sleep(0)
    assert wire.sent == b"head"


async def test_what_was_written_is_sent_before_the_end() -> None:
    wire = Wire()
    corked = Corked(wire, asyncio.get_running_loop())
    corked.write(b"head")
    corked.close()
    assert (wire.sent, wire.is_closed) == (b"head", True)
    await asyncio.sleep(0)
    assert wire.calls == 1


async def test_nothing_is_sent_over_a_wire_that_is_lost() -> None:
    wire = Wire()
    corked = Corked(wire, asyncio.get_running_loop())
    corked.write(b"head")
    wire.close()
    await asyncio.sleep(0)
    assert wire.calls == 0
