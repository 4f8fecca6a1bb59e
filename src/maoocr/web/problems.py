"""Every failure becomes the one error body, here and nowhere else."""

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from ..errors import (
    BadInput,
    Forbidden,
    InvalidRequest,
    MaoOCRError,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    UnsupportedMedia,
    error_types,
)
from .schemas import Problem

__all__ = ["UNEXPECTED", "documented", "install", "path_of", "problem_body", "problem_response"]

UNEXPECTED = "Something went wrong inside the service; the request id finds it in the log."

_BY_STATUS: Mapping[int, type[MaoOCRError]] = {
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    415: UnsupportedMedia,
    422: InvalidRequest,
}


_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_PARAMETER = re.compile(r"([a-z_][\w.\[\]]*): ")
"""What a message about one parameter begins with."""


def problem_body(
    code: str, message: str, *, retryable: bool, request_id: str, path: str = ""
) -> bytes:
    """The error body as JSON; below `/v1` with the members that clients of OpenAI look for."""
    error: dict[str, Any] = {"code": code, "message": message}
    error |= {"retryable": retryable, "request_id": request_id}
    if path == "/v1" or path.startswith("/v1/"):
        found = _PARAMETER.match(message)
        error |= {"type": _openai_type(code), "param": found[1] if found else None}
    return msgspec.json.encode({"error": error})


def path_of(scope: Scope) -> str:
    """The path as the routes know it."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _openai_type(code: str) -> str:
    status = next((kind.status for kind in error_types() if kind.code == code), 500)
    if status >= 500:
        return "server_error"
    return _OPENAI_TYPES.get(status, "invalid_request_error")


def problem_response(
    error: MaoOCRError,
    request_id: str,
    headers: Mapping[str, str] | None = None,
    *,
    path: str = "",
) -> Response:
    """The answer that an error becomes."""
    is_ours = type(error) is not MaoOCRError
    body = problem_body(
        error.code,
        error.message if is_ours else UNEXPECTED,
        retryable=error.retryable,
        request_id=request_id,
        path=path,
    )
    sent = dict(headers or {})
    if error.retry_after_s is not None:
        sent["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return Response(body, error.status, sent, "application/json")


def documented(*kinds: type[MaoOCRError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that may fail in these ways, for OpenAPI."""
    by_status: dict[int, list[str]] = {}
    shown: tuple[type[MaoOCRError], ...] = (*kinds, MaoOCRError)
    for kind in shown:
        by_status.setdefault(kind.status, []).append(kind.code)
    return {
        status: {"model": Problem, "description": "Error: " + ", ".join(codes)}
        for status, codes in sorted(by_status.items())
    }


def install(app: FastAPI) -> None:
    """Answer every error with the one body."""
    app.add_exception_handler(MaoOCRError, _on_ours)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)


async def _on_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, MaoOCRError)
    return problem_response(error, request.state.request_id, path=path_of(request.scope))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(error.status_code, BadInput)
    if kind is NotFound:
        message = "There is nothing at this path."
    elif kind is MethodNotAllowed:
        message = f"The method {request.method[:20]} is not for this path."
    else:
        message = f"{error.detail}"[:200]
    return problem_response(
        kind(message), request.state.request_id, error.headers, path=path_of(request.scope)
    )


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "request"
    problem = InvalidRequest(f"{where}: {first['msg']}.")
    return problem_response(problem, request.state.request_id, path=path_of(request.scope))
