"""The WebSockets: how a job goes, and frames in with results out."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ..errors import MaoOCRError
from ..service.jobs import Jobs
from .auth import caller_of
from .events import Progress
from .frames import Frames
from .gateway import Gateway
from .jobs import JobId
from .problems import UNEXPECTED

__all__ = ["router"]

router = APIRouter()

OVER, REFUSED = 1000, 1008
"""Close codes of RFC 6455, section 7.4.1."""


@router.websocket("/ws/ocr/jobs/{id}")
async def job_socket(socket: WebSocket, id: JobId, after: int = 0) -> None:
    """Follow a job: the events of `GET /api/ocr/jobs/{id}/events` as JSON messages."""
    gateway: Gateway = socket.app.state.gateway
    await socket.accept()
    await _while_open(socket, _follow(socket, gateway.jobs, caller_of(socket).owner, id, after))


@router.websocket("/ws/ocr")
async def frames_socket(socket: WebSocket) -> None:
    """Read frames: each binary message is a picture, each text message a JSON object."""
    gateway: Gateway = socket.app.state.gateway
    await socket.accept()
    await _guarded(socket, Frames(gateway, socket, _sender(socket)).run())


async def _follow(socket: WebSocket, jobs: Jobs, owner: str, job: str, after: int) -> None:
    progress = Progress()
    found = None
    async with aclosing(jobs.follow(owner, job, after=max(0, after))) as reports:
        async for found, pages in reports:
            for name, number, values in progress.events(found, pages):
                await _send(socket, {"type": name, "id": number, "data": values})
    if found is not None:
        name, number, values = Progress.end(found)
        await _send(socket, {"type": name, "id": number, "data": values})


async def _while_open(socket: WebSocket, work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it is done or the other side leaves; what it says is not listened to."""
    task = asyncio.ensure_future(_guarded(socket, work))
    gone = asyncio.ensure_future(_until_gone(socket))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.wait({task, gone})


async def _until_gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _guarded(socket: WebSocket, work: Coroutine[Any, Any, None]) -> None:
    """An error becomes the one body as the last message, and the reason of the close."""
    try:
        await work
        await _close(socket, OVER)
    except WebSocketDisconnect:
        return
    except MaoOCRError as error:
        is_ours = type(error) is not MaoOCRError
        message = error.message if is_ours else UNEXPECTED
        told = {"code": error.code, "message": message, "retryable": error.retryable}
        await _send(socket, {"type": "error", "error": told})
        await _close(socket, REFUSED, error.code)


def _sender(socket: WebSocket) -> Callable[[dict[str, Any]], Awaitable[None]]:
    async def send(values: dict[str, Any]) -> None:
        await _send(socket, values)

    return send


async def _send(socket: WebSocket, values: dict[str, Any]) -> None:
    if socket.application_state is not WebSocketState.DISCONNECTED:
        await socket.send_text(msgspec.json.encode(values).decode())


async def _close(socket: WebSocket, code: int, reason: str = "") -> None:
    states = {socket.application_state, socket.client_state}
    if WebSocketState.DISCONNECTED not in states:
        await socket.close(code, reason)
