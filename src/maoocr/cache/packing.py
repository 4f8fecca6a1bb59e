"""How values lie in Redis: a byte that tells the form, then the value, compressed where it pays."""

import asyncio
import zlib

__all__ = ["pack", "unpack"]

RAW, DEFLATED = b"\x00", b"\x01"
WORTH_BYTES = 1024
"""Below this, compressing saves less than it costs."""
ASIDE_BYTES = 256 * 1024
"""From here on another thread does it, so that the loop goes on turning."""
MOST_BYTES = 256 * 1024 * 1024
"""What is larger once unpacked is none of ours."""


async def pack(value: bytes) -> bytes:
    """The value as it is stored."""
    if len(value) < WORTH_BYTES:
        return RAW + value
    if len(value) < ASIDE_BYTES:
        return _deflated(value)
    return await asyncio.to_thread(_deflated, value)


async def unpack(stored: bytes) -> bytes | None:
    """The value that was stored; None when these bytes are no such thing."""
    form, body = stored[:1], stored[1:]
    if form == RAW:
        return body
    if form != DEFLATED:
        return None
    if len(body) < ASIDE_BYTES // 8:
        return _inflated(body)
    return await asyncio.to_thread(_inflated, body)


def _deflated(value: bytes) -> bytes:
    body = zlib.compress(value, 1)
    return DEFLATED + body if len(body) < len(value) else RAW + value


def _inflated(body: bytes) -> bytes | None:
    unpacking = zlib.decompressobj()
    try:
        value = unpacking.decompress(body, MOST_BYTES)
    except zlib.error:
        return None
    return value if unpacking.eof else None
