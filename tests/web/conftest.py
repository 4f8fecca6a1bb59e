"""The whole app over ASGI, with the fake engine in real lanes and no socket."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from maoocr.bootstrap import create_app
from maoocr.engines.base import EngineSpec
from maoocr.settings import PoolSettings, Settings, SpoolSettings

HERE = Path(__file__).parent
FAKE = EngineSpec("fake", ".fake:FakeEngine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all, so that they share one app and its lane."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def settings(tmp_path: Path) -> Settings:
    return Settings(
        engine="fake",
        pool=PoolSettings(lanes=1, max_documents=100),
        spool=SpoolSettings(dir=tmp_path / "spool"),
        local_files_root=tmp_path / "open",
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    app = create_app(settings(tmp_path_factory.mktemp("maoocr")), [FAKE])
    async with app.router.lifespan_context(app):
        await app.state.started
        # A busy machine takes longer to make the tables than the start waits for.
        async with asyncio.timeout(60):
            await app.state.gateway.database.wait_ready()
        yield app


@pytest_asyncio.fixture(loop_scope="session")
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client
