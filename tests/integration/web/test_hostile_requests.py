"""Requests that no honest client sends, over real sockets: each gets a plain answer in time."""

import asyncio
import gzip
import io
import json
import socket
from typing import Any

import httpx
import pytest
from PIL import Image

from maoocr.engines.fake import picture_of

from .conftest import Server

pytestmark = pytest.mark.integration

RECOGNIZE = "/api/ocr/recognize"


def png(text: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture_of(text)).save(out, "PNG")
    return out.getvalue()


def still_reads(server: Server) -> None:
    """The next good request is unharmed."""
    answer = httpx.post(server.url + RECOGNIZE, files={"image": ("a.png", png("good"))})
    assert (answer.status_code, answer.json()["text"]) == (200, "good")


def exchange(server: Server, sent: bytes, *, half_close: bool = False) -> tuple[int, bytes]:
    """Send raw bytes and read the answer until the server closes or it is whole."""
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(sent)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        got = connection.recv(65536)
        if not got:
            raise AssertionError(f"the connection ended after {data!r}")
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split(b" ")[1]), body


def head(length: str, content_type: str = "image/png", extra: str = "") -> bytes:
    lines = f"POST {RECOGNIZE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
    return f"{lines}{length}{extra}\r\n".encode()


def code_of(body: bytes) -> str:
    return str(json.loads(body)["error"]["code"])


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (head("Content-Length: 0\r\n"), 422),
        (head("", ""), 415),
        (head("Content-Length: 5\r\n", "multipart/form-data") + b"hello", 400),
        (b"GET /livez HTTP/1.0\r\n\r\n", 200),
        (b"BREW /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 65536 + b"\r\n\r\n", 431),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /static/../api.py HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /static/%2e%2e/api.py HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"\x16\x03\x01\x02\x00 not http\r\n\r\n", 400),
    ],
)
def test_odd_requests_get_a_plain_answer(server: Server, request_bytes: bytes, status: int) -> None:
    got, body = exchange(server, request_bytes)
    assert got == status
    assert status == 200 or code_of(body)
    still_reads(server)


def test_a_body_over_the_limit_is_refused_by_its_announcement(server: Server) -> None:
    got, body = exchange(server, head("Content-Length: 209715200\r\n"))
    assert (got, code_of(body)) == (413, "too_large")


def test_an_endless_chunked_body_is_refused_while_it_comes(server: Server) -> None:
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(head("Transfer-Encoding: chunked\r\n"))
        for _ in range(70):
            connection.sendall(chunk)
        status, body = read_answer(connection)
    assert (status, code_of(body)) == (413, "too_large")
    still_reads(server)


def test_an_upload_that_falls_silent_is_given_up(server: Server) -> None:
    sent = head("Content-Length: 100000\r\n") + png("half")[:50]
    got, body = exchange(server, sent)
    assert (got, code_of(body)) == (408, "upload_timeout")
    still_reads(server)


def test_a_caller_who_waits_for_the_go_gets_it(server: Server) -> None:
    picture = png("expected")
    length = f"Content-Length: {len(picture)}\r\n"
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(head(length, extra="Expect: 100-continue\r\n"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(picture)
        status, body = read_answer(connection)
    assert (status, json.loads(body)["text"]) == (200, "expected")


def test_a_caller_who_waits_for_the_go_is_refused_without_it(server: Server) -> None:
    sent = head("Content-Length: 209715200\r\n", extra="Expect: 100-continue\r\n")
    got, body = exchange(server, sent)
    assert (got, code_of(body)) == (413, "too_large")


def test_a_short_body_is_awaited_before_it_is_refused_and_the_connection_stays(
    server: Server,
) -> None:
    with socket.create_connection((server.host, server.port), timeout=0.3) as connection:
        connection.sendall(head("Content-Length: 5\r\n", "text/nonsense"))
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        connection.sendall(b"hello")
        status, body = read_answer(connection)
        assert (status, code_of(body)) == (415, "unsupported_media")
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(connection)[0] == 200


def test_a_short_body_that_never_comes_is_not_awaited_for_long(server: Server) -> None:
    got, body = exchange(server, head("Content-Length: 5\r\n", "text/nonsense"))
    assert (got, code_of(body)) == (415, "unsupported_media")


def test_a_compressed_bomb_is_not_inflated(server: Server) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = httpx.post(server.url + RECOGNIZE, content=bomb, headers=headers)
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"image_base64": "' + b"A" * 3_000_001 + b'"}', b'{"a":1', b"\x00" * 1000],
)
def test_broken_json_is_a_clear_error(server: Server, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(server.url + RECOGNIZE, content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["message"]
    still_reads(server)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "a\r\nX-Evil: 1",
        "<script>alert(1)</script>.png",
        "x" * 4000,
        "\u202egnp",
    ],
)
def test_the_file_name_is_never_echoed(server: Server, name: str) -> None:
    answer = httpx.post(server.url + RECOGNIZE, files={"image": (name, png("name"), "image/png")})
    assert answer.status_code in {200, 400}
    assert "x-evil" not in answer.headers
    assert "script" not in answer.text
    assert "passwd" not in answer.text


def test_a_form_of_ten_thousand_fields_is_bounded(server: Server) -> None:
    data = {f"field{number}": "x" for number in range(10_000)}
    answer = httpx.post(server.url + RECOGNIZE, files={"image": ("a", png("x"))}, data=data)
    assert answer.status_code == 422
    still_reads(server)


def test_a_field_name_of_a_megabyte_is_bounded(server: Server) -> None:
    files: Any = {"n" * 1_000_000: ("a.png", png("x"))}
    answer = httpx.post(server.url + RECOGNIZE, files=files)
    assert 400 <= answer.status_code < 500
    still_reads(server)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "http://127.0.0.1:1/", "http://169.254.169.254/", "gopher://x/"],
)
def test_no_url_is_ever_fetched(server: Server, url: str) -> None:
    answer = httpx.post(server.url + RECOGNIZE, json={"image_url": url})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


async def test_many_slow_uploads_do_not_stop_the_others(server: Server) -> None:
    stalled = [await asyncio.open_connection(server.host, server.port) for _ in range(50)]
    for _, writer in stalled:
        writer.write(head("Content-Length: 1000\r\n") + b"\x89PNG")
        await writer.drain()
    async with httpx.AsyncClient() as client:
        files = {"image": ("a.png", png("quick"))}
        answer = await client.post(server.url + RECOGNIZE, files=files)
        assert answer.json()["text"] == "quick"
        assert (await client.get(server.url + "/livez")).status_code == 200
    for reader, writer in stalled:
        assert (await reader.readline()).split()[1] == b"408"
        writer.close()
        await writer.wait_closed()
