"""WS /ws/ocr: pictures come in as messages, and what was read goes out.

One frame is read at a time. Where they come faster than they are read, they wait in the connection;
with `real_time` only the newest waits, and who was overtaken is told. Each frame that is read
counts like a request of its own.
"""

import asyncio
import base64
import binascii
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from starlette.websockets import WebSocket

from ..documents.spool import Upload
from ..domain import OcrOptions
from ..errors import InvalidRequest, MaoOCRError, StoreUnavailable
from ..service.callers import Caller
from ..service.options import parse_options
from ..telemetry.logging import request_id_var
from .auth import caller_again, share_of
from .gateway import Gateway
from .intake import Intake
from .limits import Limited, spend
from .problems import UNEXPECTED
from .recording import Recording

__all__ = ["Frames"]

WAITING = 2
"""Frames that may wait; those beyond wait in the connection."""
MAX_ID_CHARACTERS = 100

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Session:
    """What holds for the frames that follow."""

    options: OcrOptions = field(default_factory=OcrOptions)
    engine: str | None = None
    real_time: bool = False
    history: bool = False


@dataclass(frozen=True, slots=True)
class _Frame:
    id: str | int
    data: bytes
    session: _Session


class Frames:
    """One connection."""

    def __init__(self, gateway: Gateway, socket: WebSocket, send: Send) -> None:
        """Make it.

        Args:
            gateway: of the app.
            socket: that was accepted.
            send: sends a message of JSON values.
        """
        self._gateway = gateway
        self._socket = socket
        self._send = send
        socket.state.request_id = secrets.token_hex(12)
        request_id_var.set(socket.state.request_id)
        self._session = _Session()
        self._count = 0
        self._waiting: list[_Frame] = []
        self._stir = asyncio.Condition()

    async def run(self) -> None:
        """Serve until the other side leaves; what is in work then is stopped.

        Raises:
            Unauthorized: the key that opened the connection is good no more.
            Forbidden: likewise.
        """
        reading = asyncio.create_task(self._read())
        taking = asyncio.create_task(self._take())
        try:
            done, _ = await asyncio.wait({reading, taking}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (reading, taking):
                task.cancel()
            await asyncio.wait({reading, taking})

    async def _take(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                frame = self._frame(message)
            except InvalidRequest as error:
                await self._send({"id": None, **_told(error)})
                continue
            if frame is not None:
                await self._queue(frame)

    async def _queue(self, frame: _Frame) -> None:
        overtaken: list[_Frame] = []
        async with self._stir:
            if frame.session.real_time:
                overtaken, self._waiting = self._waiting, []
            else:
                await self._stir.wait_for(lambda: len(self._waiting) < WAITING)
            self._waiting.append(frame)
            self._stir.notify_all()
        for each in overtaken:
            await self._send({"id": each.id, "skipped": True})

    async def _read(self) -> None:
        while True:
            async with self._stir:
                await self._stir.wait_for(lambda: self._waiting)
                frame = self._waiting.pop(0)
                self._stir.notify_all()
            await self._send({"id": frame.id, **await self._settled(frame)})

    async def _settled(self, frame: _Frame) -> dict[str, Any]:
        try:
            caller = await caller_again(self._socket)
        except StoreUnavailable as error:
            return _told(error)
        try:
            return await self._answer(frame, caller)
        except Limited as refusal:
            return _told(refusal.error)
        except MaoOCRError as error:
            return _told(error)

    async def _answer(self, frame: _Frame, caller: Caller) -> dict[str, Any]:
        share = share_of(self._socket.scope)
        await spend(self._gateway, caller, share, brings_documents=True)
        started = time.monotonic()
        upload = await self._upload(frame.data)
        self._gateway.metrics.upload_bytes.observe(upload.size)
        intake = Intake(upload, {}, time.monotonic() - started)
        recording = Recording(self._socket, intake, None, is_wanted=frame.session.history)
        try:
            await recording.begin()
        except BaseException:
            upload.release()
            raise
        result = await self._gateway.recognizer.recognize(
            recording.document, frame.session.options, engine=frame.session.engine, client=share
        )
        answer: dict[str, Any] = msgspec.json.decode(await recording.finish(result))
        return answer

    async def _upload(self, data: bytes) -> Upload:
        writer = self._gateway.spool.writer(self._gateway.settings.limits.max_body_bytes)
        try:
            await writer.write(data)
            return await writer.finish()
        except BaseException:
            writer.abort()
            raise

    def _frame(self, message: Mapping[str, Any]) -> _Frame | None:
        """The frame of a message; None where it only sets options."""
        data = message.get("bytes")
        if data is not None:
            return self._numbered(data, None)
        try:
            values = msgspec.json.decode(message.get("text") or "")
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            raise InvalidRequest("This message is not valid JSON.") from None
        if not isinstance(values, dict):
            raise InvalidRequest("A JSON object is expected.")
        return self._asked_for(values)

    def _asked_for(self, values: dict[str, Any]) -> _Frame | None:
        encoded = values.pop("image_base64", None)
        frame_id = values.pop("id", None)
        if values:
            self._session = self._asked(values)
        if encoded is None:
            return None
        if not isinstance(encoded, str):
            raise InvalidRequest("image_base64: a text is expected.")
        try:
            data = base64.b64decode(encoded.encode("ascii"), validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequest("image_base64: this is not base64.") from None
        return self._numbered(data, frame_id)

    def _asked(self, values: dict[str, Any]) -> _Session:
        real_time = _flag(values, "real_time", self._session.real_time)
        history = _flag(values, "history", self._session.history)
        engine = values.pop("engine", None)
        if engine is not None and not isinstance(engine, str):
            raise InvalidRequest("engine: a text is expected.")
        if not values and engine is None:
            return replace(self._session, real_time=real_time, history=history)
        return _Session(parse_options(values), engine, real_time, history)

    def _numbered(self, data: bytes, frame_id: object) -> _Frame:
        """A frame with its own id, or the number that it has in the connection, from 1."""
        self._count += 1
        if frame_id is None:
            frame_id = self._count
        is_short = isinstance(frame_id, str) and len(frame_id) <= MAX_ID_CHARACTERS
        if not is_short and (not isinstance(frame_id, int) or isinstance(frame_id, bool)):
            raise InvalidRequest("id: a number or a short text is expected.")
        return _Frame(frame_id, data, self._session)  # type: ignore[arg-type]


def _flag(values: dict[str, Any], name: str, default: bool) -> bool:
    given = values.pop(name, default)
    if not isinstance(given, bool):
        raise InvalidRequest(f"{name}: true or false is expected.")
    return given


def _told(error: MaoOCRError) -> dict[str, Any]:
    message = error.message if type(error) is not MaoOCRError else UNEXPECTED
    told = {"code": error.code, "message": message, "retryable": error.retryable}
    if error.retry_after_s is None:
        return {"error": told}
    return {"error": told, "retry_after_s": math.ceil(error.retry_after_s)}
