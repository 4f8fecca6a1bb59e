"""One HTTP/1.1 connection: uvicorn's, with our order of arrival and our body of an error."""

import asyncio
import secrets
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .leaving import LEAVE
from .problems import problem_body
from .turnstile import Turnstile

__all__ = ["Connection", "Corked"]

HEAD_BYTES = 8 * 1024
"""Read at first of a request: enough for its head, cheap if it then has to wait."""
BODY_BYTES = 128 * 1024
"""Read at once of a body."""

_Bytes: TypeAlias = "bytes | bytearray | memoryview[Any]"
_buffer = memoryview(bytearray(BODY_BYTES))
_turnstiles: WeakKeyDictionary[ServerState, Turnstile] = WeakKeyDictionary()


class Connection(asyncio.BufferedProtocol):
    """Reads for uvicorn's protocol, and lets those requests wait for their turn that have a body.

    All others begin at once, so a probe is not kept by a crowd. While a request waits, most of what
    it has sent is left in the socket.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        loop = _loop or asyncio.get_running_loop()
        turnstile = _turnstiles.get(server_state)
        if turnstile is None:
            turnstile = _turnstiles.setdefault(server_state, Turnstile(loop))
        self._turnstile = turnstile
        self._http = _Http(config, server_state, app_state, loop, turnstile)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BaseProtocol."""
        # uvloop's transport is one by its methods only.
        self._http.connection_made(transport)  # type: ignore[arg-type]
        self._turnstile.arrive()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.BaseProtocol."""
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._http.pause_writing()

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._http.resume_writing()

    def eof_received(self) -> None:
        """See asyncio.BufferedProtocol."""
        self._http.eof_received()

    def get_buffer(self, sizehint: int) -> memoryview:
        """See asyncio.BufferedProtocol; what is read is taken out before anything else is read."""
        return _buffer if self._http.is_busy else _buffer[:HEAD_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        """See asyncio.BufferedProtocol."""
        data = bytes(_buffer[:nbytes])
        if self._http.is_busy or not data.startswith(b"POST ") or self._turnstile.enter():
            self._http.data_received(data)
        else:
            self._http.hold(data)
            self._turnstile.wait(self._http.release)


class Corked(asyncio.Transport):
    """Sends at once what is written in one turn of the loop, named after tcp(7)'s TCP_CORK.

    The head of an answer goes with its body: half the calls here and half the packets for whoever
    reads them, and a process that is killed has sent both or none.
    """

    def __init__(self, wire: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._wire = wire
        self._loop = loop
        self._waiting: _Bytes = b""

    def write(self, data: _Bytes) -> None:
        """Send this with what is written next, or by itself when nothing is in this turn."""
        waiting, self._waiting = self._waiting, b""
        if waiting:
            self._wire.writelines((waiting, data))
        elif data:
            self._waiting = data
            self._loop.call_soon(self._uncork)

    def close(self) -> None:
        """See asyncio.Transport; all that was written is sent."""
        self._uncork()
        self._wire.close()

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return self._wire.is_closing()

    def pause_reading(self) -> None:
        """See asyncio.Transport."""
        self._wire.pause_reading()

    def resume_reading(self) -> None:
        """See asyncio.Transport."""
        self._wire.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See asyncio.Transport."""
        return self._wire.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See asyncio.Transport."""
        self._wire.set_protocol(protocol)

    def _uncork(self) -> None:
        waiting, self._waiting = self._waiting, b""
        if waiting and not self._wire.is_closing():
            self._wire.write(waiting)


class _Http(HttpToolsProtocol):
    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        turnstile: Turnstile,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._turnstile = turnstile
        self._held = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = Corked(transport, self.loop)

    @property
    def is_busy(self) -> bool:
        """A request is being received or answered."""
        return bool(self._held) or (self.cycle is not None and not self.cycle.response_complete)

    def hold(self, data: bytes) -> None:
        """Keep what begins a request until it is released."""
        self._unset_keepalive_if_required()
        self._held = data

    def release(self) -> None:
        """Begin the request that is held, if it still is."""
        held, self._held = self._held, b""
        if not held or self.transport.is_closing():
            return
        super().data_received(held)
        if not self.flow.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._held:
            self._held += data
            # Only now, because most requests come in one piece and need no such calls.
            self.transport.pause_reading()
        else:
            super().data_received(data)

    def shutdown(self) -> None:
        # What has arrived is answered before the end.
        self.release()
        # None before the first request.
        leave = self.scope and self.scope["state"].get(LEAVE)
        if leave:
            leave.set()
        super().shutdown()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["is_crowded"] = self._turnstile.is_crowded

    def send_400_response(self, msg: str) -> None:
        request_id = secrets.token_hex(12)
        body = problem_body("bad_input", msg, retryable=False, request_id=request_id)
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
