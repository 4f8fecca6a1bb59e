"""Uploads that are kept go with the last row that refers to them, deleted or expired."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from maoocr.bootstrap import create_app
from maoocr.engines.base import EngineSpec
from maoocr.settings import HistorySettings, PoolSettings, Settings, SpoolSettings
from maoocr.store.originals import YOUNG_S
from tests.fakes.documents import png

pytestmark = pytest.mark.integration


@asynccontextmanager
async def gateway(
    folder: Path, database_url: str, max_rows: int = 0
) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        _env_file=None,
        engine="fake",
        database_url=database_url,
        state_dir=folder / "state",
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=folder / "spool"),
        history=HistorySettings(keep_originals=True, max_rows=max_rows),
    )
    app = create_app(settings, [EngineSpec("fake", ".fake:FakeEngine")])
    async with app.router.lifespan_context(app):
        await app.state.started
        await app.state.gateway.database.wait_ready()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


async def read(client: httpx.AsyncClient, text: str) -> str:
    answer = await client.post("/api/ocr/recognize", files={"image": ("a.png", png(text))})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["history_id"])


def original(folder: Path, text: str) -> Path:
    return folder / "state" / "originals" / hashlib.sha256(png(text)).hexdigest()


def age(*paths: Path) -> None:
    """They belong to no row that is still on its way."""
    for path in paths:
        long_ago = path.stat().st_mtime - YOUNG_S - 1
        os.utime(path, (long_ago, long_ago))


async def until_gone(path: Path) -> None:
    async with asyncio.timeout(30):
        while True:
            if not path.exists():
                return
            await asyncio.sleep(0.01)


async def test_an_original_goes_with_its_last_row(tmp_path: Path, database_url: str) -> None:
    async with gateway(tmp_path, database_url) as client:
        rows = {text: await read(client, text) for text in ("kept", "young", "shared", "gone")}
        again = await read(client, "shared")
        paths = {text: original(tmp_path, text) for text in rows}
        found = await client.get(f"/api/ocr/history/{rows['gone']}/original")
        assert found.content == png("gone")
        age(paths["kept"], paths["shared"], paths["gone"])
        for text in ("young", "shared", "gone"):
            await client.delete(f"/api/ocr/history/{rows[text]}")
        await until_gone(paths["gone"])
        assert {text for text, path in paths.items() if path.exists()} == {
            "kept",
            "young",
            "shared",
        }
        await client.delete(f"/api/ocr/history/{again}")
        await until_gone(paths["shared"])
        assert paths["kept"].exists()
        # Whoever has the same upload read again keeps it, however old the file is.
        age(paths["young"])
        await read(client, "young")
        await client.delete("/api/ocr/history/" + await read(client, "nothing"))
        assert paths["young"].exists()


async def test_originals_of_expired_rows_go(tmp_path: Path, database_url: str) -> None:
    async with gateway(tmp_path, database_url) as client:
        for text in ("a", "b", "c"):
            await read(client, text)
    paths = [original(tmp_path, text) for text in ("a", "b", "c")]
    age(*paths)
    async with gateway(tmp_path, database_url, max_rows=1) as client:
        await until_gone(paths[0])
        await until_gone(paths[1])
        assert paths[2].exists()
        items = (await client.get("/api/ocr/history")).json()["items"]
        assert [item["text"] for item in items] == ["c"]
