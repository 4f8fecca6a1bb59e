"""A real server on a free port of the loopback: uvicorn, the fake engine in real lanes."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import uvicorn
from fastapi import FastAPI

from maoocr.bootstrap import create_app
from maoocr.engines.base import EngineSpec
from maoocr.settings import LimitSettings, PoolSettings, Settings, SpoolSettings
from maoocr.web.server import listeners, uvicorn_options


@dataclass(frozen=True)
class Server:
    """Where it listens, and the app that answers."""

    host: str
    port: int
    app: FastAPI

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class _Uvicorn(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self._app.state.started
        self.listens.set()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = Settings(
        engine="fake",
        limits=LimitSettings(
            max_body_bytes=4 * 1024 * 1024, upload_idle_seconds=0.3, upload_seconds=10
        ),
        pool=PoolSettings(lanes=2),
        spool=SpoolSettings(dir=tmp_path_factory.mktemp("spool")),
        local_files_root=tmp_path_factory.mktemp("open"),
    )
    yield from serve(settings, [EngineSpec("fake", ".fake:FakeEngine")])


def serve(settings: Settings, specs: list[EngineSpec]) -> Iterator[Server]:
    """Run the app until the generator is closed."""
    app = create_app(settings, specs)
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    port = listener.getsockname()[1]
    config = uvicorn.Config(app, log_config=None, **uvicorn_options(settings.limits.max_body_bytes))
    uvicorn_server = _Uvicorn(config, app)
    thread = threading.Thread(target=uvicorn_server.run, args=[listeners([listener])])
    thread.start()
    try:
        assert uvicorn_server.listens.wait(60)
        yield Server("127.0.0.1", port, app)
    finally:
        uvicorn_server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()
