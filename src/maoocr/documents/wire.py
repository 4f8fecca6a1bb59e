"""What a `Decoder` and its child say to each other: length-prefixed MessagePack over a socket.

Pixels do not travel here: the child writes them into memory that both share. Everything that comes
back is checked against these types, since the child may have been taken over by what it decoded.
"""

import socket
import struct
from typing import Literal

import msgspec

from ..domain import PdfText, TextLine
from ..errors import MaoOCRError, error_from_code

__all__ = [
    "Closed",
    "Failed",
    "Layer",
    "PageRequest",
    "Picture",
    "ProbeRequest",
    "Probed",
    "Ready",
    "Reply",
    "Request",
    "decode_reply",
    "decode_request",
    "encode",
    "receive",
    "send",
]

MAX_FRAME_BYTES = 64 * 1024 * 1024
_LENGTH = struct.Struct("!I")


class Closed(Exception):
    """The other side is gone."""


class ProbeRequest(msgspec.Struct, frozen=True, tag="probe"):
    """How many pages has this document, and how large is the first?"""

    sha256: str
    kind: str


class PageRequest(msgspec.Struct, frozen=True, tag="page"):
    """Decode one page, numbered from 1."""

    sha256: str
    kind: str
    number: int
    words: bool
    pdf_text: PdfText
    dpi: int | None


Request = ProbeRequest | PageRequest


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    last: bool = False
    """The child has grown too large and ends after this reply."""


class Ready(_Reply, frozen=True, tag="ready"):
    """The first frame of a child that can work."""


class Probed(_Reply, frozen=True, tag="probed"):
    """The answer to a `ProbeRequest`; `pixels` are those of the first page, 0 for unknown."""

    pages_total: int
    pixels: int


class Picture(_Reply, frozen=True, tag="picture"):
    """A page as pixels: RGB rows of `width` at the start of the shared memory."""

    page_width: int
    page_height: int
    width: int
    height: int
    scale: float


class Layer(_Reply, frozen=True, tag="layer"):
    """A page as the text that the document holds."""

    page_width: int
    page_height: int
    lines: tuple[TextLine, ...]


class Failed(_Reply, frozen=True, tag="failed"):
    """Why there is no answer; one of the errors that a document can cause."""

    code: Literal[
        "too_large",
        "unreadable_document",
        "password_protected",
        "page_too_complex",
        "unsupported_media",
        "invalid_request",
        "internal",
    ]
    message: str

    def error(self) -> MaoOCRError:
        return error_from_code(self.code, self.message)


Reply = Ready | Probed | Picture | Layer | Failed

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def encode(message: Request | Reply) -> bytes:
    """The message as bytes."""
    return _encoder.encode(message)


def decode_request(frame: bytes) -> Request:
    """The request in a frame; msgspec.DecodeError if it is none."""
    return _requests.decode(frame)


def decode_reply(frame: bytes) -> Reply:
    """The reply in a frame; msgspec.DecodeError if it is none."""
    return _replies.decode(frame)


def send(connection: socket.socket, frame: bytes) -> None:
    """Write one frame.

    Raises:
        Closed: the other side is gone.
    """
    try:
        connection.sendall(_LENGTH.pack(len(frame)) + frame)
    except OSError as error:
        raise Closed from error


def receive(connection: socket.socket) -> bytes:
    """Read one frame.

    Raises:
        Closed: the other side is gone, or the frame is larger than any that is sent.
        TimeoutError: the socket has a timeout, and it passed.
    """
    (length,) = _LENGTH.unpack(_read(connection, _LENGTH.size))
    if length > MAX_FRAME_BYTES:
        raise Closed
    return _read(connection, length)


def _read(connection: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        try:
            part = connection.recv(min(length - len(parts), 1024 * 1024))
        except TimeoutError:
            raise
        except OSError as error:
            raise Closed from error
        if not part:
            raise Closed
        parts += part
    return bytes(parts)
