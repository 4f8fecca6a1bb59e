"""A gateway with PP-OCR in a real lane and a model behind a server that says what it is told."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from maoocr.engines.registry import engine_specs
from maoocr.settings import PoolSettings, Settings, SpoolSettings, VlmSettings
from tests.fakes.vlm_server import Say, VlmServer
from tests.integration.web.conftest import Server, serve

MODEL = "some-vision-model"
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def vlm() -> Iterator[VlmServer]:
    with VlmServer(MODEL) as server:
        yield server


@pytest.fixture(autouse=True)
def _forgets(vlm: VlmServer) -> Iterator[None]:
    yield
    vlm.answers.clear()
    vlm.asks.clear()
    vlm.aborted = 0
    vlm.default = Say("Hello, world.")


@pytest.fixture(scope="module")
def gateway(vlm: VlmServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = Settings(
        pool=PoolSettings(lanes=1, threads=2),
        spool=SpoolSettings(dir=tmp_path_factory.mktemp("spool")),
        state_dir=tmp_path_factory.mktemp("state"),
        vlm=VlmSettings(
            url=vlm.url,
            model=MODEL,
            first_token_seconds=3.0,
            breaker_failures=1000,
            probe_seconds=0.2,
        ),
    )
    yield from serve(settings, list(engine_specs(settings, 2)))


@pytest.fixture(scope="module")
def http(gateway: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=120) as client:
        yield client


@contextmanager
def away(vlm: VlmServer, http: httpx.Client) -> Iterator[None]:
    """The model's server is not there meanwhile; at the end the gateway has found it again."""
    vlm.stop()
    try:
        yield
    finally:
        # What a probe that began meanwhile finds must not come after what the next one finds.
        _wait_for(http, is_ready=False)
        vlm.start()
        _wait_for(http, is_ready=True)


def _wait_for(http: httpx.Client, *, is_ready: bool) -> None:
    until = time.monotonic() + PATIENCE_S
    while (_state(http) == "ready") != is_ready:
        assert time.monotonic() < until, f"The model is still {_state(http)}."


def _state(http: httpx.Client) -> str:
    engines = http.get("/api/ocr/engines").json()["engines"]
    return next(str(engine["state"]) for engine in engines if engine["name"] == "vlm")
