"""WS /ws/ocr: pictures come in as messages, and what was read goes out.

One frame is read at a time. Where they come faster than they are read, they wait in the connection;
with `real_time` only the newest waits, and who was overtaken is told.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.websockets import WebSocket

from ..documents.spool import Upload
from ..domain import OcrOptions
from ..errors import InvalidRequest, MaoOCRError
from ..exports import result_object
from ..service.options import parse_options
from .gateway import Gateway
from .problems import UNEXPECTED

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


@dataclass(frozen=True, slots=True)
class _Frame:
    id: str | int
    data: bytes
    session: _Session


class Frames:
    """One connection."""

    def __init__(self, gateway: Gateway, share: str, send: Send) -> None:
        """Make it.

        Args:
            gateway: of the app.
            share: who shares the pool with the others.
            send: sends a message of JSON values.
        """
        self._gateway = gateway
        self._share = share
        self._send = send
        self._session = _Session()
        self._count = 0
        self._waiting: list[_Frame] = []
        self._stir = asyncio.Condition()

    async def run(self, socket: WebSocket) -> None:
        """Serve until the other side leaves; what is in work then is stopped."""
        reading = asyncio.create_task(self._read())
        taking = asyncio.create_task(self._take(socket))
        try:
            done, _ = await asyncio.wait({reading, taking}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (reading, taking):
                task.cancel()
            await asyncio.wait({reading, taking})

    async def _take(self, socket: WebSocket) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                frame = self._frame(message)
            except InvalidRequest as error:
                await self._send({"id": None, "error": _told(error)})
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
            try:
                answer = await self._answer(frame)
            except MaoOCRError as error:
                answer = {"error": _told(error)}
            await self._send({"id": frame.id, **answer})

    async def _answer(self, frame: _Frame) -> dict[str, Any]:
        upload = await self._upload(frame.data)
        self._gateway.metrics.upload_bytes.observe(upload.size)
        result = await self._gateway.recognizer.recognize(
            upload, frame.session.options, engine=frame.session.engine, client=self._share
        )
        return result_object(result)

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
        real_time = values.pop("real_time", self._session.real_time)
        if not isinstance(real_time, bool):
            raise InvalidRequest("real_time: true or false is expected.")
        engine = values.pop("engine", None)
        if engine is not None and not isinstance(engine, str):
            raise InvalidRequest("engine: a text is expected.")
        if not values and engine is None:
            return _Session(self._session.options, self._session.engine, real_time)
        return _Session(parse_options(values), engine, real_time)

    def _numbered(self, data: bytes, frame_id: object) -> _Frame:
        """A frame with its own id, or the number that it has in the connection, from 1."""
        self._count += 1
        if frame_id is None:
            frame_id = self._count
        is_short = isinstance(frame_id, str) and len(frame_id) <= MAX_ID_CHARACTERS
        if not is_short and (not isinstance(frame_id, int) or isinstance(frame_id, bool)):
            raise InvalidRequest("id: a number or a short text is expected.")
        return _Frame(frame_id, data, self._session)  # type: ignore[arg-type]


def _told(error: MaoOCRError) -> dict[str, Any]:
    message = error.message if type(error) is not MaoOCRError else UNEXPECTED
    return {"code": error.code, "message": message, "retryable": error.retryable}
