"""Around every request: an id, a log line, the metrics, the headers, the last net for errors.

Pure ASGI, in one piece, because all of it looks at the same start, status and end.
"""

import logging
import re
import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..telemetry.logging import request_id_var
from ..telemetry.metrics import Metrics
from .problems import UNEXPECTED, path_of, problem_body

__all__ = ["Edge"]

log = logging.getLogger("maoocr.access")

MAX_HEADER_BYTES = 32 * 1024
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_QUIET = frozenset({"/livez", "/readyz", "/metrics", "/health"})
_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none';"
        " frame-ancestors 'none'; form-action 'self'"
    ),
}


class Edge:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        token = request_id_var.set(request_id)
        started = time.monotonic()
        status = 499

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
                await _answer(
                    send_with_headers,
                    431,
                    problem_body(
                        "bad_input",
                        f"The headers are over {MAX_HEADER_BYTES} bytes.",
                        retryable=False,
                        request_id=request_id,
                        path=path_of(scope),
                    ),
                )
            else:
                await self._app(scope, receive, send_with_headers)
        except Exception:
            log.exception("unexpected error", extra={"path": scope["path"][:200]})
            if status != 499:
                # The answer has begun; breaking the connection is all that can still be said.
                raise
            body = problem_body(
                "internal",
                UNEXPECTED,
                retryable=False,
                request_id=request_id,
                path=path_of(scope),
            )
            await _answer(send_with_headers, 500, body)
        finally:
            self._record(scope, status, time.monotonic() - started)
            request_id_var.reset(token)

    @staticmethod
    def _record(scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        metrics: Metrics = scope["app"].state.gateway.metrics
        metrics.http_requests.labels(method, route, str(status)).inc()
        metrics.http_request_seconds.labels(route).observe(seconds)
        if route not in _QUIET:
            log.info(
                "request",
                extra={
                    "method": method,
                    "route": route,
                    "status": status,
                    "seconds": round(seconds, 4),
                    "client": (scope.get("client") or ("-",))[0],
                },
            )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _request_id(scope: Scope) -> str:
    """The caller's id where it is harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(12)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
