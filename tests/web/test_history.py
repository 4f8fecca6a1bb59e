"""The history over HTTP, on SQLite."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from fastapi import FastAPI
from PIL import Image

from maoocr.bootstrap import create_app
from maoocr.engines.base import EngineSpec
from maoocr.engines.fake import picture_of
from maoocr.exports import formats
from maoocr.settings import HistorySettings, PoolSettings, Settings, SpoolSettings
from maoocr.web.gateway import Gateway
from tests.fakes.history_rows import keep_row

RECOGNIZE = "/api/ocr/recognize"
HISTORY = "/api/ocr/history"


def file_of(*texts: str) -> bytes:
    """A TIFF with a page for each text."""
    buffer = io.BytesIO()
    first, *others = [Image.fromarray(picture_of(text)) for text in texts]
    first.save(buffer, "TIFF", save_all=True, append_images=others)
    return buffer.getvalue()


@asynccontextmanager
async def opened(folder: Path, **history: Any) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    settings = Settings(
        engine="fake",
        state_dir=folder / "state",
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=folder / "spool"),
        history=HistorySettings(**history),
    )
    app = create_app(settings, [EngineSpec("fake", ".fake:FakeEngine")])
    async with app.router.lifespan_context(app):
        await app.state.started
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield app, client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def here(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    async with opened(tmp_path_factory.mktemp("history")) as pair:
        yield pair


@pytest_asyncio.fixture(loop_scope="session")
async def client(here: tuple[FastAPI, httpx.AsyncClient]) -> httpx.AsyncClient:
    """Of an app whose history is empty."""
    await here[1].delete(HISTORY)
    return here[1]


async def read(client: httpx.AsyncClient, *texts: str, **fields: str) -> httpx.Response:
    files = {"image": ("scan.tif", file_of(*texts))}
    answer = await client.post(RECOGNIZE, files=files, data=fields)
    assert answer.status_code == 200, answer.text
    return answer


async def listed(client: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await client.get(HISTORY, params=params)
    assert answer.status_code == 200, answer.text
    return [item["text"] for item in answer.json()["items"]]


async def test_an_answer_is_there_as_it_was_given(client: httpx.AsyncClient) -> None:
    answer = await read(client, "hello")
    given = answer.json()
    assert answer.headers["X-History-Id"] == given["history_id"]
    found = (await client.get(f"{HISTORY}/{given['history_id']}")).json()
    assert found.pop("id") == given["history_id"]
    assert found.pop("created_at").endswith("+00:00")
    assert found == given
    page = (await client.get(HISTORY)).json()
    assert [item["id"] for item in page["items"]] == [given["history_id"]]
    assert page["next_cursor"] is None


async def test_an_answer_from_the_cache_is_a_row_of_its_own(client: httpx.AsyncClient) -> None:
    first, second = [(await read(client, "twice")).json() for _ in range(2)]
    assert second["cached"]
    assert first["history_id"] != second["history_id"]
    assert await listed(client) == ["twice", "twice"]


@pytest.mark.parametrize("name", formats)
async def test_an_answer_of_any_form_leaves_a_row(client: httpx.AsyncClient, name: str) -> None:
    answer = await read(client, "one", "two", format=name)
    found = await client.get(f"{HISTORY}/{answer.headers['X-History-Id']}")
    assert found.json()["text"] == "one\n\ntwo"
    assert found.json()["pages_done"] == 2


async def test_a_stream_leaves_a_row_whether_read_or_cached(client: httpx.AsyncClient) -> None:
    answer = await read(client, "some", "text", format="jsonl")
    lines = [msgspec.json.decode(line)["text"] for line in answer.content.splitlines()]
    assert lines == ["some", "text"]
    again = await read(client, "some", "text", format="jsonl")
    assert again.headers["X-Cache"] == "hit"
    assert await listed(client) == ["some\n\ntext"] * 2


@pytest.mark.parametrize("name", formats)
async def test_a_row_is_exported_as_the_answer_was(client: httpx.AsyncClient, name: str) -> None:
    answer = await read(client, "one", "two", format=name)
    where = f"{HISTORY}/{answer.headers['X-History-Id']}/export"
    exported = await client.get(where, params={"format": name})
    assert exported.headers["Content-Disposition"].endswith(f'{formats[name].suffix}"')
    if name not in {"json", "jsonl"}:
        assert exported.content == answer.content
    refused = await client.get(where, params={"format": "docx"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid_request")


async def test_pages_follow_each_other(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await read(client, f"page {number}")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get(HISTORY, params={"limit": 2, "cursor": cursor})).json()
        seen += [item["text"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [f"page {number}" for number in reversed(range(5))]


async def test_search_and_filters(client: httpx.AsyncClient) -> None:
    await read(client, "Invoice 117")
    needs = '{"document_type": "receipt"}'
    await read(client, "Receipt 118", requirements=needs)
    assert await listed(client, q="invoi") == ["Invoice 117"]
    assert await listed(client, q="117 invoice") == ["Invoice 117"]
    assert await listed(client, document_type="receipt") == ["Receipt 118"]
    assert await listed(client, engine="other") == []
    assert len(await listed(client, min_confidence=0.5)) == 2
    assert len(await listed(client, **{"from": "2020-01-01", "to": "2999-01-01"})) == 2
    assert await listed(client, to="2020-01-01T00:00:00Z") == []


ODD = ["'", '"', "a & b", "NEAR(", "x" * 10_000, "a\0b", "🙂", "-", "%", "*"]


@pytest.mark.parametrize("query", ODD, ids=repr)
async def test_odd_queries_find_nothing(client: httpx.AsyncClient, query: str) -> None:
    await read(client, "hello")
    assert await listed(client, q=query) == []


@pytest.mark.parametrize(
    "params",
    [
        {"cursor": "abc"},
        {"cursor": "MTow"},
        {"cursor": "é"},
        {"cursor": "MjoxMA"},
        {"limit": 0},
        {"limit": 101},
        {"from": "yesterday"},
        {"from": "2026-01-01T10:00:00"},
        {"to": "9999-12-31"},
        {"min_confidence": 2},
        {"engine": "a\0"},
    ],
)
async def test_what_is_wrong_is_told(client: httpx.AsyncClient, params: dict[str, Any]) -> None:
    answer = await client.get(HISTORY, params=params)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("row_id", ["0" * 26, "x", "é" * 26, "%00" * 26, "..", "' OR 1=1 --"])
async def test_a_row_that_is_not_there_is_not_found(client: httpx.AsyncClient, row_id: str) -> None:
    for method, path in [("GET", ""), ("DELETE", ""), ("GET", "/export"), ("GET", "/thumbnail")]:
        answer = await client.request(method, f"{HISTORY}/{row_id}{path}")
        assert answer.status_code in {404, 405}


async def test_rows_are_deleted(client: httpx.AsyncClient) -> None:
    ids = [(await read(client, f"row {n}")).json()["history_id"] for n in range(3)]
    assert (await client.delete(f"{HISTORY}/{ids[0]}")).status_code == 204
    assert (await client.delete(f"{HISTORY}/{ids[0]}")).status_code == 404
    assert (await client.delete(HISTORY)).json() == {"deleted": 2}
    assert await listed(client) == []


async def test_a_picture_and_an_original_are_given_as_they_are_kept(
    here: tuple[FastAPI, httpx.AsyncClient],
) -> None:
    app, client = here
    row = await keep_row(app, "")
    thumbnail = await client.get(f"{HISTORY}/{row}/thumbnail")
    assert (thumbnail.content, thumbnail.headers["Content-Type"]) == (b"RIFF", "image/webp")
    original = await client.get(f"{HISTORY}/{row}/original")
    assert original.content == b"picture"
    assert original.headers["Content-Type"] == "application/octet-stream"
    assert 'filename="a.png"' in original.headers["Content-Disposition"]


async def test_a_small_picture_of_the_first_page_is_kept(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            # Nobody waits for it, so the first answers may have none.
            row = (await read(client, "picture me", "not me")).json()["history_id"]
            answer = await client.get(f"{HISTORY}/{row}/thumbnail")
            if answer.status_code == 200:
                break
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.format == "WEBP"
        assert picture.width * picture.height <= 50_000


async def test_nothing_is_kept_where_no_history_is_wanted_but_use_is_counted(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, enabled=False) as (app, client):
        answer = await read(client, "secret")
        assert answer.json()["history_id"] is None
        assert "X-History-Id" not in answer.headers
        assert await listed(client) == []
        gateway: Gateway = app.state.gateway
        async with gateway.database.read() as connection:
            used = await connection.exec_driver_sql("SELECT requests, pages FROM usage")
            assert [tuple(row) for row in used] == [(1, 1)]


async def test_originals_are_kept_where_that_is_wanted(tmp_path: Path) -> None:
    async with opened(tmp_path, keep_originals=True) as (_, client):
        answers = [(await read(client, "keep me")).json() for _ in range(2)]
        for answer in answers:
            kept = await client.get(f"{HISTORY}/{answer['history_id']}/original")
            assert kept.content == file_of("keep me")
            assert 'filename="scan.tif"' in kept.headers["Content-Disposition"]
        assert len(list((tmp_path / "state" / "originals").iterdir())) == 1


async def test_answers_beyond_the_limit_are_deleted(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, client):
        await asyncio.gather(*(read(client, f"row {number}") for number in range(5)))
    async with opened(tmp_path, max_rows=2) as (_, client), asyncio.timeout(30):
        while len(await listed(client)) > 2:
            pass
        assert len(await listed(client)) == 2
