"""The whole app over ASGI, with the fake engine in real lanes and no socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from maoocr.bootstrap import create_app
from maoocr.engines.base import EngineSpec
from maoocr.settings import PoolSettings, Settings, SpoolSettings

FAKE = EngineSpec("fake", ".fake:FakeEngine")


def settings(tmp_path: Path) -> Settings:
    return Settings(
        engine="fake",
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=tmp_path / "spool"),
        local_files_root=tmp_path / "open",
    )


@pytest.fixture(scope="session")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    app = create_app(settings(tmp_path_factory.mktemp("maoocr")), [FAKE])
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://maoocr") as client:
        yield client
