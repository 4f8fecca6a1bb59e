"""The clients against a server that lives in a function: no socket is opened."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given

from maoocr.client import AsyncClient, Client, Reply
from maoocr.client.reply import reply_from_json
from maoocr.client.wire import Retry
from maoocr.domain import OcrResult, PageSelection, Requirements
from maoocr.errors import (
    DeadlineExceeded,
    InvalidRequest,
    MaoOCRError,
    Overloaded,
    Refused,
    ShuttingDown,
    UnreadableDocument,
)
from maoocr.exports import encode_json, result_object
from tests.unit.exports.samples import SAMPLE, results

Answer = Callable[[httpx.Request], httpx.Response]


def answer_of(result: OcrResult) -> bytes:
    return encode_json({**result_object(result), "request_id": "r1", "history_id": None})


def good(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=answer_of(SAMPLE))


def problem(
    status: int, code: str, *, message: str = "A sentence.", **headers: str
) -> httpx.Response:
    error = {"code": code, "message": message, "retryable": True, "request_id": "r7"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"error": error}, headers=named)


def client_of(answer: Answer, **given: Any) -> Client:
    return Client("http://host.test", transport=httpx.MockTransport(answer), **given)


def sent(call: Callable[[Client], object]) -> httpx.Request:
    """The request that a call makes."""
    seen: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        return good(request)

    with client_of(keep) as client:
        call(client)
    [request] = seen
    return request


@given(results())
def test_an_answer_is_read_back_as_it_was_written(result: OcrResult) -> None:
    once = reply_from_json(answer_of(result))
    assert reply_from_json(answer_of(once.result)).result == once.result
    for read, written in zip(once.pages, result.pages, strict=True):
        assert read.error is None or written.error is not None
        assert [line.words is None for line in read.lines] == [
            line.words is None for line in written.lines
        ]
        assert [line.text for line in read.lines] == [
            line.text.encode("utf-8", "replace").decode() for line in written.lines
        ]


def test_a_reply_has_what_the_contract_names() -> None:
    reply = reply_from_json(answer_of(SAMPLE))
    assert reply.text == SAMPLE.text
    assert reply.confidence == pytest.approx(SAMPLE.confidence, abs=1e-4)
    assert reply.processing_time == 0.5
    assert reply.selected_models == ("ppocr",)
    assert [page.number for page in reply.pages] == [1, 2, 3]
    assert reply.pages[1].error == SAMPLE.pages[1].error
    assert reply.pages[0].lines[0] == SAMPLE.pages[0].lines[0]
    assert (reply.pages_total, reply.pages_done) == (3, 2)
    assert (reply.language, reply.document_type, reply.cached) == ("en", "auto", False)
    assert reply.selection == SAMPLE.selection
    assert reply.timings == SAMPLE.timings
    assert (reply.request_id, reply.history_id) == ("r1", None)
    assert reply == Reply(SAMPLE.text, reply.confidence, 0.5, ("ppocr",), SAMPLE, request_id="r1")


def test_fields_of_a_later_server_are_passed_over() -> None:
    body = json.loads(answer_of(SAMPLE)) | {"news": 1}
    body["pages"][0]["news"] = {"a": 1}
    assert reply_from_json(json.dumps(body).encode()).result == SAMPLE


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"pages": 1}', b'{"text": "a"}'])
def test_an_answer_of_something_else_is_a_sentence(body: bytes) -> None:
    with (
        client_of(lambda request: httpx.Response(200, content=body)) as client,
        pytest.raises(MaoOCRError, match="The server's answer is not understood"),
    ):
        client.recognize(b"x")


def test_options_are_fields_of_a_form_beside_the_image() -> None:
    request = sent(
        lambda client: client.recognize(
            b"the bytes", language="zh", words=True, rotation=False, pages="1-3", dpi=200
        )
    )
    assert (request.method, request.url.path) == ("POST", "/api/ocr/recognize")
    body = request.content
    for name, value in {
        "language": "zh",
        "words": "true",
        "rotation": "false",
        "pages": "1-3",
        "dpi": "200",
    }.items():
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in body
    assert b'name="image"; filename="document"' in body
    assert b"\r\n\r\nthe bytes\r\n" in body
    assert b"engine" not in body


@pytest.mark.parametrize(
    "requirements",
    [
        Requirements(document_type="receipt", max_seconds=2.0),
        {"document_type": "receipt", "max_seconds": 2.0},
    ],
)
def test_requirements_are_a_json_object_on_their_own_path(
    requirements: Requirements | dict[str, object],
) -> None:
    request = sent(lambda client: client.recognize_with_requirements(b"x", requirements))
    assert request.url.path == "/api/ocr/recognize-with-requirements"
    told = request.content.split(b'name="requirements"\r\n\r\n')[1].split(b"\r\n")[0]
    assert json.loads(told).items() >= {"document_type": "receipt", "max_seconds": 2.0}.items()
    assert b"null" not in told


def test_a_page_selection_goes_as_its_text() -> None:
    request = sent(lambda client: client.recognize(b"x", pages=PageSelection.parse("2,1")))
    assert b'name="pages"\r\n\r\n1-2\r\n' in request.content


def test_documents_are_paths_bytes_files_and_pipes(tmp_path: Path) -> None:
    path = tmp_path / "secret-name.png"
    path.write_bytes(b"the bytes")
    file = io.BytesIO(b"skipped the bytes")
    file.seek(8)
    read_end, write_end = os.pipe()
    os.write(write_end, b"the bytes")
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        for document in (path, str(path), b"the bytes", file, pipe):
            body = sent(lambda client, d=document: client.recognize(d)).content  # type: ignore[misc]
            assert b"\r\n\r\nthe bytes\r\n" in body
            assert b"secret-name" not in body


def test_a_file_that_is_not_there_is_no_request(tmp_path: Path) -> None:
    with client_of(good) as client, pytest.raises(FileNotFoundError):
        client.recognize(tmp_path / "no.png")


def test_an_error_comes_back_as_its_class_with_id_and_seconds() -> None:
    answer = problem(429, "overloaded", message="Come again.", Retry_After="7")
    with client_of(lambda request: answer) as client, pytest.raises(Overloaded) as caught:
        client.recognize(b"x")
    assert caught.value.message == "Come again."
    assert caught.value.retry_after_s == 7
    assert caught.value.request_id == "r7"


def test_an_error_of_a_later_server_is_the_root() -> None:
    answer = problem(418, "teapot")
    with client_of(lambda request: answer) as client, pytest.raises(MaoOCRError) as caught:
        client.recognize(b"x")
    assert type(caught.value) is MaoOCRError


@pytest.mark.parametrize(
    ("status", "kind"), [(502, Refused), (503, Refused), (504, Refused), (500, MaoOCRError)]
)
def test_a_proxys_own_page_is_told_as_such(status: int, kind: type[MaoOCRError]) -> None:
    answer = httpx.Response(status, html="<html>", headers={"X-Request-ID": "r9"})
    with client_of(lambda request: answer) as client, pytest.raises(MaoOCRError) as caught:
        client.recognize(b"x")
    assert type(caught.value) is kind
    assert caught.value.request_id == "r9"
    assert f"answered {status}, and not as MaoOCR does" in caught.value.message


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (httpx.ConnectError("Connection refused"), Refused, "cannot be reached: Connection ref"),
        (httpx.ConnectTimeout("x"), DeadlineExceeded, "did not accept a connection in time"),
        (httpx.ReadTimeout("x"), DeadlineExceeded, "did not answer in time"),
        (httpx.ReadError("reset"), Refused, "broke: reset"),
        (httpx.RemoteProtocolError("garbage"), Refused, "broke: garbage"),
    ],
)
def test_a_failure_of_the_connection_is_of_the_tree(
    failure: Exception, kind: type[MaoOCRError], message: str
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise failure

    with client_of(fail) as client, pytest.raises(kind, match=f"http://host.test.*{message}"):
        client.recognize(b"x")


@pytest.mark.parametrize("url", ["", "host:8000", "ftp://host", "http://", "http://[::1", "/x"])
def test_a_url_of_no_server_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="no address of a server"):
        Client(url)


def test_health_is_told_also_when_it_is_bad() -> None:
    down = httpx.Response(503, json={"status": "down", "checks": {}})
    with client_of(lambda request: down) as client:
        assert client.health()["status"] == "down"
    away = problem(503, "shutting_down")
    with client_of(lambda request: away) as client, pytest.raises(ShuttingDown):
        client.health()


def test_engines_and_options_are_json_objects() -> None:
    with client_of(lambda request: httpx.Response(200, json={"at": request.url.path})) as client:
        assert client.engines() == {"at": "/api/ocr/engines"}
        assert client.options() == {"at": "/api/ocr/options"}
        assert client.costs() == {"at": "/api/ocr/costs"}
    with (
        client_of(lambda request: httpx.Response(200, json=[])) as client,
        pytest.raises(MaoOCRError, match="not understood"),
    ):
        client.engines()


class Busy:
    """Refuses a few times, then answers; keeps what it was sent and how long it was waited for."""

    def __init__(self, *refusals: httpx.Response) -> None:
        self.refusals = list(refusals)
        self.bodies: list[bytes] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.read().split(b"\r\n\r\n", 1)[1].split(b"\r\n")[0])
        return self.refusals.pop(0) if self.refusals else good(request)

    async def sleep(self, wait_s: float) -> None:
        self.waits.append(wait_s)


def test_a_busy_server_is_asked_again_after_the_time_it_names() -> None:
    busy = Busy(problem(429, "overloaded", Retry_After="3"), problem(503, "shutting_down"))
    file = io.BytesIO(b"--content")
    file.seek(2)
    with client_of(busy, retries=2, sleep=busy.waits.append) as client:
        assert client.recognize(file).text == SAMPLE.text
    assert busy.bodies == [b"content"] * 3
    assert busy.waits == [3, 1]


async def test_the_async_client_does_the_same() -> None:
    busy = Busy(problem(429, "overloaded", Retry_After="3"), problem(503, "shutting_down"))
    transport = httpx.MockTransport(busy)
    async with AsyncClient(
        "http://host.test", retries=2, sleep=busy.sleep, transport=transport
    ) as client:
        reply = await client.recognize_with_requirements(b"content", {"real_time": True})
    assert reply == reply_from_json(answer_of(SAMPLE))
    assert busy.bodies[0] == b'{"real_time": true}'
    assert busy.waits == [3, 1]


async def test_the_async_client_raises_the_same_errors() -> None:
    transport = httpx.MockTransport(lambda request: problem(422, "unreadable_document"))
    async with AsyncClient("http://host.test", transport=transport) as client:
        with pytest.raises(UnreadableDocument):
            await client.recognize(b"x")


def test_without_retries_a_busy_server_is_asked_once() -> None:
    busy = Busy(problem(429, "overloaded", Retry_After="3"))
    with client_of(busy, sleep=busy.waits.append) as client, pytest.raises(Overloaded):
        client.recognize(b"content")
    assert len(busy.bodies) == 1
    assert busy.waits == []


@pytest.mark.parametrize(
    ("error", "attempt", "pause_s"),
    [
        (Overloaded("x", retry_after_s=7), 0, 7),
        (Overloaded("x", retry_after_s=121), 0, None),
        (Overloaded("x"), 0, 0.5),
        (Overloaded("x"), 3, 4),
        (Overloaded("x"), 40, 120),
        (Overloaded("x"), 50, None),
        (Refused("x"), 0, 0.5),
        (UnreadableDocument("x"), 0, None),
        (DeadlineExceeded("x"), 0, None),
    ],
)
def test_only_what_passes_is_tried_again(
    error: MaoOCRError, attempt: int, pause_s: float | None
) -> None:
    assert Retry(retries=50).pause_s(error, attempt) == pause_s
