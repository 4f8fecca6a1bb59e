"""One body for every failure, and every failure with its own status."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from maoocr.errors import MaoOCRError, error_types


def check(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"code", "message", "retryable", "request_id"}
    assert error["request_id"] == answer.headers["x-request-id"]
    assert error["message"].strip()
    assert answer.headers["content-type"] == "application/json"
    return error


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/static/nowhere.js", 404, "not_found"),
        ("GET", "/api/ocr/recognize", 405, "method_not_allowed"),
        ("DELETE", "/livez", 405, "method_not_allowed"),
        ("POST", "/api/ocr/recognize", 415, "unsupported_media"),
    ],
)
async def test_failures_before_any_work_have_the_one_body(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert check(answer)["code"] == code


async def test_a_wrong_method_names_the_right_one(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/ocr/recognize")
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("kind", list(error_types()), ids=lambda kind: kind.code)
async def test_every_error_of_the_tree_has_the_one_body(
    app: FastAPI, client: httpx.AsyncClient, kind: type[MaoOCRError]
) -> None:
    async def fail(request: Request) -> Response:
        raise kind("A sentence.", retry_after_s=2.2)

    with route(app, fail):
        answer = await client.get("/fails")
    error = check(answer)
    assert answer.status_code == kind.status
    assert (error["code"], error["retryable"]) == (kind.code, kind.retryable)
    assert answer.headers["retry-after"] == "3"


async def test_an_unexpected_error_is_told_to_the_log_and_not_to_the_caller(
    app: FastAPI, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(request: Request) -> Response:
        raise RuntimeError("the password is swordfish")

    with route(app, fail), caplog.at_level(logging.ERROR, "maoocr.access"):
        answer = await client.get("/fails", headers={"X-Request-ID": "abc-1"})
    assert answer.status_code == 500
    assert "swordfish" not in answer.text
    assert check(answer)["request_id"] == "abc-1"
    assert "swordfish" in caplog.text


class route:  # noqa: N801
    """A route that is there for the length of a `with`."""

    def __init__(self, app: FastAPI, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        self._app = app
        self._endpoint = endpoint

    def __enter__(self) -> None:
        self._app.router.add_route("/fails", self._endpoint)

    def __exit__(self, *_: object) -> None:
        self._app.router.routes.pop()


@pytest.mark.parametrize("sent", ["a" * 65, "a b", "<script>", "ä"])
async def test_a_strange_request_id_is_not_taken_over(client: httpx.AsyncClient, sent: str) -> None:
    answer = await client.get("/livez", headers=[(b"X-Request-ID", sent.encode())])
    assert answer.headers["x-request-id"] != sent


async def test_headers_beyond_measure_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/livez", headers={"X-Long": "x" * 65_536})
    assert answer.status_code == 431
    check(answer)
