"""What is in the cache, by the header that names it, and how it is forgotten."""

import io
from pathlib import Path

import httpx
import pytest
from PIL import Image

from maoocr.engines.fake import picture_of
from tests.web.doors import guarded

PATH = "/api/ocr/recognize"


def picture(text: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture_of(text)).save(buffer, "PNG")
    return buffer.getvalue()


async def read(client: httpx.AsyncClient, data: bytes, **headers: str) -> httpx.Response:
    sent = {"Content-Type": "image/png"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return await client.post(PATH, content=data, headers=sent)


async def test_an_answer_names_its_key_in_every_form(client: httpx.AsyncClient) -> None:
    data = picture("named")
    first = await read(client, data)
    key = first.headers["x-cache-key"]
    assert (first.headers["x-cache"], len(key)) == ("miss", 64)
    second = await client.post(
        f"{PATH}?format=jsonl", content=data, headers={"Content-Type": "image/png"}
    )
    assert (second.headers["x-cache"], second.headers["x-cache-key"]) == ("hit", key)
    assert "x-cache-key" not in (await read(client, data, Cache_Control="no-store")).headers


async def test_a_purged_answer_is_read_anew(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door:
        data = picture("purged")
        sent = {"Authorization": door.sent("recognize")["Authorization"]}
        key = (await read(door.client, data, **sent)).headers["x-cache-key"]
        assert (await read(door.client, data, **sent)).headers["x-cache"] == "hit"
        path = f"/api/ocr/cache/{key}"
        refused = await door.client.delete(path, headers=door.sent("recognize"))
        assert refused.status_code == 403
        purged = await door.client.delete(path, headers=door.sent("admin"))
        assert (purged.status_code, purged.content) == (204, b"")
        again = await door.client.delete(path, headers=door.sent("admin"))
        assert (again.status_code, again.json()["error"]["code"]) == (404, "not_found")
        assert (await read(door.client, data, **sent)).headers["x-cache"] == "miss"


async def test_without_keys_nobody_forgets_for_the_others(client: httpx.AsyncClient) -> None:
    key = (await read(client, picture("kept"))).headers["x-cache-key"]
    refused = await client.delete(f"/api/ocr/cache/{key}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert "maoocr keys create" in refused.json()["error"]["message"]
    assert (await read(client, picture("kept"))).headers["x-cache"] == "hit"


@pytest.mark.parametrize("key", ["0" * 63, "G" * 64])
async def test_what_is_no_key_is_refused(tmp_path: Path, key: str) -> None:
    async with guarded(tmp_path) as door:
        answer = await door.client.delete(f"/api/ocr/cache/{key}", headers=door.sent("admin"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
