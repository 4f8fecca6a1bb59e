"""How uvicorn runs the app, wherever it is started. Light: gunicorn's master reads it too."""

import gc
import socket
from collections.abc import Iterable
from typing import Any

__all__ = ["listeners", "settle_memory", "uvicorn_options"]

ACCEPTS_PER_TURN = 64
"""Of a crowd of 640, who comes last is then let in after some 50 ms instead of 500."""
ENVELOPE_BYTES = 64 * 1024
"""What a WebSocket message may hold beside the document."""
YOUNG_OBJECTS = 10_000
"""Allocations between two looks of the garbage collector at the youngest."""


def uvicorn_options(max_body_bytes: int) -> dict[str, Any]:
    """What uvicorn is to be configured with.

    Args:
        max_body_bytes: of a request body (MAOOCR_LIMITS__MAX_BODY_BYTES); a WebSocket message may
            hold as much in base64.
    """
    return {
        "http": "maoocr.web.connection:Connection",
        "ws": "websockets-sansio",
        "ws_max_size": max_body_bytes * 4 // 3 + ENVELOPE_BYTES,
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        # Whom a proxy brings is seen in `proxies`, for names as well.
        "proxy_headers": False,
    }


def listeners(sockets: Iterable[socket.socket]) -> list[socket.socket]:
    """The listening sockets, each several times.

    uvloop takes one connection from each in a turn of its loop. With one socket a crowd is let in
    so slowly that who comes last, a probe perhaps, waits for all before him to be served.
    """
    return [each for one in sockets for each in (one, *_copies(one))]


def _copies(listener: socket.socket) -> list[socket.socket]:
    return [listener.dup() for _ in range(ACCEPTS_PER_TURN - 1)]


def settle_memory() -> None:
    """Spare the garbage collector what is loaded now, for it stays.

    A walk through all of it takes many milliseconds, in which nobody is answered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
