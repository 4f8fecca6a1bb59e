"""What travels between the gateway and a lane's process, and how.

A frame is its length (4 bytes, little endian) and a MessagePack document. Never pickle: the process
at the other end handles hostile input, so what it sends is checked by type and has a bounded size.
"""

import struct
from typing import Literal

import msgspec

from ..documents.kinds import Kind
from ..documents.limits import DecodeLimits
from ..domain import OcrOptions, PageError, PageResult
from ..engines.base import EngineInfo, EngineSpec

__all__ = [
    "LENGTH",
    "MAX_FRAME_BYTES",
    "BatchDone",
    "Cancel",
    "FromLane",
    "LogLine",
    "PageDone",
    "PageWork",
    "ReadBatch",
    "Ready",
    "Share",
    "Start",
    "StartFailed",
    "Stop",
    "ToLane",
    "frame",
    "from_lane",
    "to_lane",
]

LENGTH = struct.Struct("<I")
MAX_FRAME_BYTES = 64 * 1024 * 1024


class Start(msgspec.Struct, frozen=True, tag="start"):
    """Build the engine; the first frame that a lane gets.

    Attributes:
        memory_bytes: that the process may never exceed.
        rss_bytes: above which it should give memory back, or will be replaced.
    """

    spec: EngineSpec
    spool_root: str
    limits: DecodeLimits
    page_seconds: float
    memory_bytes: int
    rss_bytes: int


class PageWork(msgspec.Struct, frozen=True):
    """One page of a batch; the fields of a `PageTask`."""

    document: str
    kind: Kind
    page: int
    options: OcrOptions
    request_id: str | None = None


class ReadBatch(msgspec.Struct, frozen=True, tag="read"):
    """Read these pages; answered by one `PageDone` each, then `BatchDone`."""

    batch: int
    pages: tuple[PageWork, ...]


class Share(msgspec.Struct, frozen=True, tag="share"):
    """So many threads may be busy from now on."""

    threads: int


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Nobody waits for this page of that batch any more."""

    batch: int
    index: int


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """End after the batch in work."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The engine is loaded and warm."""

    info: EngineInfo


class StartFailed(msgspec.Struct, frozen=True, tag="start_failed"):
    """The engine could not be built; the process ends.

    Attributes:
        code: of a `MaoOCRError`, or empty where it was another exception.
        message: a sentence where there is a code, else the exception for operators.
    """

    code: str
    message: str


class LogLine(msgspec.Struct, frozen=True, tag="log"):
    """Something to log; the gateway knows in which form.

    Attributes:
        request_id: of the request that it befell, where it befell one alone.
    """

    level: int
    text: str
    request_id: str | None = None


class PageDone(msgspec.Struct, frozen=True, tag="page"):
    """The outcome of one page: `result` or `error`."""

    batch: int
    index: int
    result: PageResult | None = None
    error: PageError | None = None


class BatchDone(msgspec.Struct, frozen=True, tag="done"):
    """The lane is free again, or asks to be replaced."""

    batch: int
    rss_bytes: int
    wants_replacing: Literal["memory"] | None = None


ToLane = Start | Share | ReadBatch | Cancel | Stop
FromLane = Ready | StartFailed | LogLine | PageDone | BatchDone

_encode = msgspec.msgpack.Encoder().encode
to_lane = msgspec.msgpack.Decoder(ToLane)
"""Reads what a gateway sent."""
from_lane = msgspec.msgpack.Decoder(FromLane)
"""Reads what a lane sent; `msgspec.DecodeError` (or its ValidationError) when it is not that."""


def frame(message: ToLane | FromLane) -> bytes:
    """The message with its length before it."""
    body = _encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError(f"A frame of {len(body)} bytes is above {MAX_FRAME_BYTES}.")
    return LENGTH.pack(len(body)) + body
