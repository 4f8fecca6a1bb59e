"""`image_url` through a whole server that offers it: read, refused, ended with its caller."""

import asyncio
import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from maoocr.engines.base import EngineSpec
from maoocr.engines.fake import picture_of
from maoocr.settings import (
    LimitSettings,
    OutboundSettings,
    PoolSettings,
    Settings,
    SpoolSettings,
)
from tests.integration.outbound.outside import Outside, outside, redirect, reply

from .conftest import Server, serve

pytestmark = pytest.mark.integration

ROUTES = ("/api/ocr/recognize", "/api/ocr/recognize-with-requirements")


def png(text: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture_of(text)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Where the documents are: its port has to be in the settings before the server starts."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="module")
def offering(
    listener: socket.socket, spool: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    settings = Settings(
        engine="fake",
        limits=LimitSettings(max_body_bytes=1024 * 1024),
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=spool, memory_bytes=0),
        state_dir=tmp_path_factory.mktemp("state"),
        outbound=OutboundSettings(
            image_url=True,
            allow="127.0.0.1, localhost",
            ports=f"80,443,{listener.getsockname()[1]}",
        ),
    )
    yield from serve(settings, [EngineSpec("fake", ".fake:FakeEngine")])


async def ask(server: Server, route: str = ROUTES[0], **request: Any) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(server.url + route, timeout=30, **request)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
@pytest.mark.parametrize("form", ["json", "form"])
async def test_a_document_is_read_from_its_url(
    offering: Server, listener: socket.socket, route: str, host: str, form: str
) -> None:
    async with outside(listener=listener) as place:
        place.answers |= {"/": redirect("/a.png"), "/a.png": reply(png("from afar"))}
        fields = {"image_url": f"http://{host}:{place.port}/", "language": "en"}
        request: dict[str, Any] = {"json": fields}
        if form == "form":
            request = {"files": {name: (None, value) for name, value in fields.items()}}
        answer = await ask(offering, route, **request)
    assert (answer.status_code, answer.json().get("text")) == (200, "from afar"), answer.text


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("file:///etc/passwd", 422, "invalid_request"),
        ("http://10.0.0.1/", 403, "forbidden"),
        ("http://169.254.169.254/latest/meta-data/", 403, "forbidden"),
        ("http://[::ffff:169.254.169.254]/", 403, "forbidden"),
        ("http://127.0.0.1:22/", 403, "forbidden"),
        ("http://user@127.0.0.1/", 422, "invalid_request"),
        ("http://" + "a" * 64 + "/", 422, "invalid_request"),
    ],
)
async def test_a_url_that_is_not_taken_is_refused_in_the_one_form(
    offering: Server, url: str, status: int, code: str
) -> None:
    answer = await ask(offering, json={"image_url": url})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"<html>", 415, "unsupported_media"),
        (b"", 422, "unreadable_document"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), 422, "unreadable_document"),
        (b"\x89PNG\r\n\x1a\n" + bytes(1024 * 1024), 413, "too_large"),
    ],
)
async def test_what_comes_is_judged_by_its_bytes(
    offering: Server,
    listener: socket.socket,
    spool: Path,
    body: bytes,
    status: int,
    code: str,
) -> None:
    async with outside(listener=listener) as place:
        place.answers["/"] = reply(body, "Content-Type: image/png")
        answer = await ask(offering, json={"image_url": f"http://127.0.0.1:{place.port}/"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not list(spool.rglob("*.part"))


async def test_a_caller_who_leaves_ends_the_fetch(
    offering: Server, listener: socket.socket, spool: Path
) -> None:
    async def half(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n\x89PNG")

    async with outside(listener=listener) as place:
        place.answers["/"] = half
        url = f"http://127.0.0.1:{place.port}/"
        for request in ({"json": {"image_url": url}}, {"files": {"image_url": (None, url)}}):
            await leave(offering, place, request)
    assert not list(spool.rglob("*.part"))


async def leave(server: Server, place: Outside, request: dict[str, Any]) -> None:
    place.asked.clear()
    place.left.clear()
    asking = asyncio.create_task(ask(server, **request))
    await place.asked.wait()
    asking.cancel()
    await asyncio.wait([asking])
    async with asyncio.timeout(10):
        await place.left.wait()
