"""The bytes of a request as they arrive: counted, timed, and given up when they stop."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from ..errors import (
    BadInput,
    CallerLeft,
    InvalidRequest,
    TooLarge,
    UnsupportedMedia,
    UploadTimeout,
)
from ..settings import LimitSettings

__all__ = ["body_chunks", "check_length", "json_object", "until_caller_leaves", "while_connected"]

TURNS = 4
"""Of the loop, in which an answer from the cache is there: nobody need watch over it before."""

T = TypeVar("T")


def check_length(request: Request, limits: LimitSettings, room: str = "LIMITS") -> None:
    """Refuse by the headers what would be refused by the body.

    Raises:
        TooLarge: the announced length is over the limit.
        UnsupportedMedia: the body is compressed; inflating it would have no bound.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise UnsupportedMedia(
            f"Content-Encoding {encoding[:40]!r} is not taken; send the body as it is."
        )
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limits.max_body_bytes:
        raise _too_large(limits, room)


async def body_chunks(
    request: Request, limits: LimitSettings, room: str = "LIMITS"
) -> AsyncIterator[bytes]:
    """The chunks of the body.

    Args:
        request: whose body has not been read.
        limits: of the body.
        room: of the settings, where those for the bytes and the seconds stand.

    Raises:
        TooLarge: more bytes came than the limit allows.
        UploadTimeout: the body takes too long, or stopped coming.
        CallerLeft: the connection was closed in the middle.
    """
    check_length(request, limits, room)
    ends = time.monotonic() + limits.upload_seconds
    received = 0
    more = True
    while more:
        remaining = min(limits.upload_idle_seconds, ends - time.monotonic())
        try:
            async with asyncio.timeout(max(0.0, remaining)):
                message = await request.receive()
        except TimeoutError:
            raise UploadTimeout(
                "The body did not arrive in time: it may take"
                f" {limits.upload_seconds:g} s in all (MAOOCR_{room}__UPLOAD_SECONDS) and be silent"
                f" for {limits.upload_idle_seconds:g} s (MAOOCR_LIMITS__UPLOAD_IDLE_SECONDS)."
            ) from None
        if message["type"] == "http.disconnect":
            raise CallerLeft("The connection was closed while the body arrived.")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        received += len(chunk)
        if received > limits.max_body_bytes:
            raise _too_large(limits, room)
        if chunk:
            yield chunk


async def until_caller_leaves(request: Request) -> None:
    """Return when the connection is closed; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The outcome of the work, which is cancelled when the caller closes the connection.

    Raises:
        CallerLeft: he did.
    """
    task, gone = asyncio.ensure_future(work), None
    try:
        for _ in range(TURNS):
            await asyncio.sleep(0)
            if task.done():
                return task.result()
        gone = asyncio.ensure_future(until_caller_leaves(request))
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise CallerLeft("The connection was closed before the answer was ready.")
    finally:
        if gone is not None:
            gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


def _too_large(limits: LimitSettings, room: str) -> TooLarge:
    return TooLarge(
        f"The body is over the limit of {limits.max_body_bytes} bytes"
        f" (MAOOCR_{room}__MAX_BODY_BYTES)."
    )


def json_object(body: bytearray) -> dict[str, Any]:
    """The object that a body is.

    Raises:
        BadInput: it is no JSON.
        InvalidRequest: it is no object.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"The body is not valid JSON: {error}.") from None
    except RecursionError:
        raise BadInput("The body is not taken: its JSON is nested too deeply.") from None
    if not isinstance(found, dict):
        raise InvalidRequest("The JSON body must be an object.")
    return found
