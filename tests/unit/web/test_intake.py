"""The intake over real ASGI requests, with a real spool and no server."""

import base64
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from maoocr.documents.spool import Spool
from maoocr.errors import MaoOCRError
from maoocr.settings import LimitSettings, Settings
from maoocr.web.intake import IntakeReader

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
LIMIT = 64 * 1024


def app(tmp_path: Path, **changes: Any) -> Starlette:
    settings = Settings(limits=LimitSettings(max_body_bytes=LIMIT), **changes)
    spool = Spool(tmp_path / "spool", 1024)
    reader = IntakeReader(settings, spool)

    async def take(request: Request) -> Response:
        try:
            intake = await reader.read(request)
        except MaoOCRError as error:
            return JSONResponse({"code": error.code, "message": error.message}, error.status)
        upload = intake.upload
        await upload.keep()
        data = spool.path(upload.sha256).read_bytes()
        upload.release()
        return JSONResponse(
            {
                "kind": upload.kind.name,
                "size": upload.size,
                "same": data == PNG,
                "fields": dict(intake.fields),
                "left": [p.name for p in spool.root.iterdir() if p.name != ".lock"],
            }
        )

    return Starlette(routes=[Route("/", take, methods=["POST"])])


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    root = tmp_path / "open"
    root.mkdir()
    (root / "a.png").write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(PNG)
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(root / "pipe.png")
    transport = httpx.ASGITransport(app(tmp_path, local_files_root=root))
    async with httpx.AsyncClient(transport=transport, base_url="http://maoocr") as client:
        yield client


async def post(client: httpx.AsyncClient, **request: Any) -> tuple[int, dict[str, Any]]:
    answer = await client.post("/", **request)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("name", ["image", "file"])
async def test_a_form_is_taken_under_both_names(client: httpx.AsyncClient, name: str) -> None:
    status, got = await post(
        client, files={name: ("x.jpg", PNG, "image/jpeg")}, data={"language": "en"}
    )
    assert (status, got["kind"], got["same"]) == (200, "png", True)
    assert got["fields"] == {"language": "en"}
    assert got["left"] == []


async def test_a_raw_body_is_taken_with_options_in_the_query(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "image/png"}
    status, got = await post(client, content=PNG, headers=headers, params={"words": "true"})
    assert (status, got["same"], got["fields"]) == (200, True, {"words": "true"})


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", "DATA:;base64,"])
async def test_base64_is_taken_with_and_without_a_data_url(
    client: httpx.AsyncClient, prefix: str
) -> None:
    text = prefix + base64.encodebytes(PNG).decode()
    status, got = await post(client, json={"image_base64": text, "words": True})
    assert (status, got["same"], got["fields"]) == (200, True, {"words": True})


async def test_a_field_of_the_body_wins_over_the_query(client: httpx.AsyncClient) -> None:
    files = {"image": ("x.png", PNG)}
    _, got = await post(client, files=files, data={"dpi": "72"}, params={"dpi": "300"})
    assert got["fields"] == {"dpi": "72"}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "exactly one of"),
        ({"image_base64": "AA==", "image_path": "a"}, 422, "exactly one of"),
        ({"image_base64": 7}, 422, "a text is expected"),
        ({"image_base64": "@@@@"}, 422, "not base64"),
        ({"image_base64": "iVBORw0KGgo"}, 422, "not base64"),
        ({"image_base64": "päng"}, 422, "not base64"),
        ({"image_base64": ""}, 422, "empty"),
        ({"image_base64": "data:text/plain,hello"}, 422, "data: URL"),
        (
            {"image_base64": "data:image/jpeg;base64," + base64.b64encode(PNG).decode()},
            422,
            "says image/jpeg",
        ),
        ({"image_url": "file:///etc/passwd"}, 403, "image_url is not offered"),
        ({"image_url": "https://example.com/"}, 403, "MAOOCR_OUTBOUND__IMAGE_URL"),
        ({"image_url": "x", "image_base64": "AA=="}, 422, "exactly one of"),
        ({"image_url": ["x"]}, 422, "a text is expected"),
        ({"image_path": "../secret.png"}, 403, "MAOOCR_LOCAL_FILES_ROOT"),
        ({"image_path": "/etc/passwd"}, 403, "MAOOCR_LOCAL_FILES_ROOT"),
        ({"image_path": "link.png"}, 403, "MAOOCR_LOCAL_FILES_ROOT"),
        ({"image_path": "none.png"}, 404, "no readable file"),
        ({"image_path": "pipe.png"}, 404, "no readable file"),
        ({"image_path": "."}, 404, "no readable file"),
        ({"image_path": "a\0b"}, 422, "no path"),
    ],
)
async def test_a_wrong_json_body_says_what_is_wrong(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, said: str
) -> None:
    got_status, got = await post(client, json=body)
    assert (got_status, said in got["message"]) == (status, True), got


async def test_a_local_file_is_read_below_the_root(client: httpx.AsyncClient) -> None:
    status, got = await post(client, json={"image_path": "a.png"})
    assert (status, got["same"]) == (200, True)


async def test_local_files_are_off_unless_a_folder_is_opened(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(app(tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://maoocr") as client:
        status, got = await post(client, json={"image_path": "a.png"})
    assert status == 403
    assert "MAOOCR_LOCAL_FILES_ROOT" in got["message"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "", 415),
        (b"x", "text/html", 415),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"[" * 50_000, "application/json", 400),
        (b'{"a":' * 10_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"", "image/png", 422),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=b", 400),
        (b"--b\r\n", "multipart/form-data; boundary=b", 400),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 422),
        (b"--b\r\nX: y\r\n\r\nz\r\n--b--\r\n", "multipart/form-data; boundary=b", 400),
    ],
)
async def test_a_broken_body_is_a_clear_error(
    client: httpx.AsyncClient, body: bytes, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    got, answer = await post(client, content=body, headers=headers)
    assert got == status, answer


def form(*parts: tuple[str, bytes]) -> tuple[bytes, dict[str, str]]:
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + data + b"\r\n"
        for head, data in parts
    )
    return body + b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([('name="image"; filename="a"', PNG)] * 2, "more than one image"),
        ([('name="x"', b"1")] * 100, "more than 64 fields"),
        ([('name="language"', b"x" * 70_000)], "over"),
        ([('name="language"', b"\xff")], "not UTF-8"),
        ([('name="picture"; filename="a.png"', PNG)], "belong under"),
        ([('name="' + "n" * 10_000 + '"', b"1")], "multipart"),
    ],
)
async def test_a_form_with_too_much_in_it_is_refused(
    client: httpx.AsyncClient, parts: list[tuple[str, bytes]], said: str
) -> None:
    body, headers = form(*parts)
    status, got = await post(client, content=body, headers=headers)
    assert 400 <= status < 500
    assert said in got["message"] or got["code"] == "too_large"


async def test_the_limit_counts_what_arrives(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(8192)

    status, got = await post(client, content=endless(), headers={"Content-Type": "image/png"})
    assert status == 413
    assert "MAOOCR_LIMITS__MAX_BODY_BYTES" in got["message"]


async def test_the_announced_length_is_enough_to_refuse(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "image/png", "Content-Length": str(LIMIT + 1)}
    status, got = await post(client, content=b"", headers=headers)
    assert (status, got["code"]) == (413, "too_large")


async def test_a_compressed_body_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    status, _ = await post(client, content=json.dumps({}), headers=headers)
    assert status == 415


async def test_a_form_may_name_a_url_in_place_of_the_image(client: httpx.AsyncClient) -> None:
    body, headers = form(('name="image_url"', b"https://example.com/"))
    status, got = await post(client, content=body, headers=headers)
    assert (status, "MAOOCR_OUTBOUND__IMAGE_URL" in got["message"]) == (403, True)


async def test_a_form_with_an_image_and_a_url_is_refused(client: httpx.AsyncClient) -> None:
    url = ('name="image_url"', b"https://example.com/")
    body, headers = form(('name="image"', PNG), url)
    status, got = await post(client, content=body, headers=headers)
    assert (status, "not both" in got["message"]) == (422, True)


async def test_an_empty_url_beside_an_image_is_none(client: httpx.AsyncClient) -> None:
    body, headers = form(('name="image_url"', b""), ('name="image"', PNG))
    status, got = await post(client, content=body, headers=headers)
    assert (status, got["fields"]) == (200, {})


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\x1bb", "x" * 5000, "\u202egnp.exe", '"'])
async def test_the_name_of_the_file_is_never_used(client: httpx.AsyncClient, name: str) -> None:
    status, got = await post(client, files={"image": (name, PNG, "image/png")})
    assert status in {200, 400}
    assert got.get("left", []) == []


async def test_silence_in_the_middle_of_a_body_ends_it(tmp_path: Path) -> None:
    limits = LimitSettings(upload_idle_seconds=0.01)
    reader = IntakeReader(Settings(limits=limits), Spool(tmp_path / "spool", 1024))

    async def receive() -> dict[str, Any]:
        if not sent:
            sent.append(1)
            return {"type": "http.request", "body": PNG[:10], "more_body": True}
        return await never_ends()

    sent: list[int] = []
    scope = {
        "type": "http",
        "method": "POST",
        "headers": [(b"content-type", b"image/png")],
        "query_string": b"",
    }
    with pytest.raises(MaoOCRError, match="UPLOAD_IDLE_SECONDS") as caught:
        await reader.read(Request(scope, receive))
    assert caught.value.status == 408


async def never_ends() -> dict[str, Any]:
    import asyncio

    await asyncio.Event().wait()
    raise AssertionError
