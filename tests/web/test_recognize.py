import asyncio
import base64
import io
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from maoocr.engines.fake import picture_of
from maoocr.web.schemas import RecognizeReply

RECOGNIZE = "/api/ocr/recognize"
WITH_REQUIREMENTS = "/api/ocr/recognize-with-requirements"


def png(text: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture_of(text)).save(out, "PNG")
    return out.getvalue()


def tiff(*texts: str) -> bytes:
    out = io.BytesIO()
    first, *rest = [Image.fromarray(picture_of(text)) for text in texts]
    first.save(out, "TIFF", save_all=True, append_images=rest)
    return out.getvalue()


async def test_the_answer_has_every_documented_field(client: httpx.AsyncClient) -> None:
    files = {"image": ("scan.jpg", png("hello"), "image/jpeg")}
    answer = await client.post(RECOGNIZE, files=files)
    assert answer.status_code == 200
    got = answer.json()
    RecognizeReply.model_validate(got, strict=False, extra="forbid")
    assert got["text"] == "hello"
    assert got["confidence"] == 1.0
    assert got["selected_models"] == ["fake"]
    assert got["processing_time"] > 0
    assert (got["pages_total"], got["pages_done"], got["cached"]) == (1, 1, False)
    assert got["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-cache"] == "miss"
    assert got["pages"][0]["lines"][0]["polygon"][0] == [0.0, 0.0]
    assert got["selection"]["reasons"]


async def test_requirements_as_clients_in_the_field_send_them(client: httpx.AsyncClient) -> None:
    requirements = {
        "document_type": "auto",
        "language": "auto",
        "accuracy_requirement": "high",
        "speed_requirement": "medium",
        "real_time": False,
        "batch_processing": False,
    }
    files = {"image": ("scan.jpg", png("needs"), "image/jpeg")}
    data = {"requirements": json.dumps(requirements)}
    answer = await client.post(WITH_REQUIREMENTS, files=files, data=data)
    assert (answer.status_code, answer.json()["text"]) == (200, "needs")
    body = {"image_base64": base64.b64encode(png("json")).decode(), "requirements": requirements}
    answer = await client.post(WITH_REQUIREMENTS, json=body)
    assert (answer.status_code, answer.json()["text"]) == (200, "json")


@pytest.mark.parametrize(
    ("requirements", "said"),
    [
        ("{", "requirements"),
        ("[]", "object"),
        ('{"document_type": "letter"}', "simple_text"),
        ("[" * 20_000, "requirements"),
    ],
)
async def test_wrong_requirements_say_what_is_known(
    client: httpx.AsyncClient, requirements: str, said: str
) -> None:
    files = {"image": ("a.png", png("x"))}
    answer = await client.post(WITH_REQUIREMENTS, files=files, data={"requirements": requirements})
    assert answer.status_code == 422
    assert said in answer.json()["error"]["message"]


async def test_a_local_file_is_read_below_its_root(client: httpx.AsyncClient, app: FastAPI) -> None:
    root: Path = app.state.gateway.settings.local_files_root
    root.mkdir(exist_ok=True)
    (root / "a.png").write_bytes(png("local"))
    answer = await client.post(RECOGNIZE, json={"image_path": "a.png"})
    assert answer.json()["text"] == "local"
    answer = await client.post(RECOGNIZE, json={"image_path": "/etc/passwd"})
    assert answer.status_code == 403
    assert "MAOOCR_LOCAL_FILES_ROOT" in answer.json()["error"]["message"]


async def test_the_second_time_the_answer_comes_from_the_cache(client: httpx.AsyncClient) -> None:
    files = {"image": ("a.png", png("twice"))}
    first = await client.post(RECOGNIZE, files=files)
    second = await client.post(RECOGNIZE, files=files)
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
    assert second.json()["cached"] is True
    assert second.json()["pages"] == first.json()["pages"]
    headers = {"Cache-Control": "no-cache"}
    third = await client.post(RECOGNIZE, files=files, headers=headers)
    assert third.headers["x-cache"] == "miss"


async def test_identical_uploads_at_once_are_read_once(client: httpx.AsyncClient) -> None:
    files = {"image": ("a.png", png("crowd"))}
    answers = await asyncio.gather(*(client.post(RECOGNIZE, files=files) for _ in range(8)))
    assert {answer.json()["text"] for answer in answers} == {"crowd"}
    assert [answer.headers["x-cache"] for answer in answers].count("miss") == 1


async def test_many_at_once_each_get_their_own_text(client: httpx.AsyncClient) -> None:
    async def read(number: int) -> str:
        body = png(f"token {number}")
        answer = await client.post(RECOGNIZE, content=body, headers={"Content-Type": "image/png"})
        text: str = answer.json()["text"]
        return text

    texts = await asyncio.gather(*(read(number) for number in range(40)))
    assert list(texts) == [f"token {number}" for number in range(40)]


async def test_pages_are_chosen_and_counted(client: httpx.AsyncClient) -> None:
    files = {"image": ("a.tif", tiff("one", "two", "three"))}
    answer = await client.post(RECOGNIZE, files=files, data={"pages": "2-3", "words": "1"})
    got = answer.json()
    assert got["text"] == "two\n\nthree"
    assert (got["pages_total"], got["pages_done"]) == (3, 2)
    assert [page["number"] for page in got["pages"]] == [2, 3]
    assert got["pages"][0]["lines"][0]["words"][0]["text"] == "two"
    answer = await client.post(RECOGNIZE, files=files, data={"pages": "4"})
    assert answer.status_code == 422
    assert "3 pages" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "media_type", "begins"),
    [
        ("text", "text/plain", b"shape"),
        ("markdown", "text/markdown", b"shape"),
        ("html", "text/html", b"<!DOCTYPE html>"),
        ("csv", "text/csv", b""),
        ("hocr", "text/vnd.hocr+html", b"<?xml"),
        ("alto", "application/xml", b"<?xml"),
        ("jsonl", "application/x-ndjson", b"{"),
        ("json", "application/json", b"{"),
    ],
)
async def test_the_answer_comes_in_the_form_asked_for(
    client: httpx.AsyncClient, name: str, media_type: str, begins: bytes
) -> None:
    files = {"image": ("a.png", png("shape"))}
    answer = await client.post(RECOGNIZE, files=files, data={"format": name})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media_type)
    assert answer.content.lstrip(b"\xef\xbb\xbf").startswith(begins)
    assert b"shape" in answer.content


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (RECOGNIZE, {"structure": "true"}),
        (f"{RECOGNIZE}-with-requirements", {"requirements": '{"document_type": "table"}'}),
    ],
)
async def test_pages_have_blocks_when_their_structure_is_wanted(
    client: httpx.AsyncClient, path: str, fields: dict[str, str]
) -> None:
    files = {"image": ("a.png", png("shape"))}
    answer = await client.post(path, files=files, data=fields)
    (page,) = answer.json()["pages"]
    assert [block["text"] for block in page["blocks"]] == ["shape"]
    assert "words" not in page["lines"][0]
    plain = await client.post(RECOGNIZE, files=files)
    assert "blocks" not in plain.json()["pages"][0]


async def test_json_lines_are_one_page_each(client: httpx.AsyncClient) -> None:
    files = {"image": ("a.tif", tiff("p1", "p2"))}
    answer = await client.post(RECOGNIZE, files=files, data={"format": "jsonl"})
    assert answer.headers["x-pages-total"] == "2"
    assert answer.headers["x-accel-buffering"] == "no"
    pages: list[dict[str, Any]] = [json.loads(line) for line in answer.text.splitlines()]
    assert [(page["number"], page["text"]) for page in pages] == [(1, "p1"), (2, "p2")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("language", "klingon"),
        ("pages", "1-999999999"),
        ("dpi", "1000000"),
        ("words", "perhaps"),
        ("format", "docx"),
        ("engine", "tesseract"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_stays_behind(
    client: httpx.AsyncClient, app: FastAPI, field: str, value: str
) -> None:
    files = {"image": ("a.png", png("wrong"))}
    answer = await client.post(RECOGNIZE, files=files, data={field: value})
    assert answer.status_code in {404, 422}
    assert answer.json()["error"]["message"].startswith(field)
    root: Path = app.state.gateway.spool.root
    assert [path.name for path in root.iterdir() if path.name != ".lock"] == []


async def test_an_empty_page_is_a_result(client: httpx.AsyncClient) -> None:
    out = io.BytesIO()
    Image.fromarray(np.full((50, 50, 3), 255, np.uint8)).save(out, "PNG")
    answer = await client.post(RECOGNIZE, files={"image": ("a.png", out.getvalue())})
    got = answer.json()
    assert (answer.status_code, got["text"], got["confidence"]) == (200, "", 0.0)
    assert (got["language"], got["pages"][0]["lines"]) == ("und", [])
