"""Pages through HTTP where no engine that finds lines is there: the model tells the places."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from maoocr.engines.base import EngineSpec
from maoocr.settings import PoolSettings, Settings, SpoolSettings, VlmSettings
from tests.fakes.vlm_server import Say, VlmServer
from tests.integration.vlm_pages.test_reading import LINES, draw
from tests.integration.web.conftest import serve

pytestmark = pytest.mark.integration

MODEL = "hunyuan-ocr"
DATABASE_S = 30.0
PLACED = "one(100,100),(500,200)\ntwo(100,300),(900,400)"


@pytest.fixture(scope="module")
def vlm() -> Iterator[VlmServer]:
    with VlmServer(MODEL) as server:
        yield server


@pytest.fixture(scope="module")
def http(vlm: VlmServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    settings = Settings(
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=tmp_path_factory.mktemp("spool")),
        state_dir=tmp_path_factory.mktemp("state"),
        vlm=VlmSettings(url=vlm.url, model=MODEL),
    )
    specs = [EngineSpec("ppocr", "no.such.module:Engine")]
    for server in serve(settings, specs):
        with httpx.Client(base_url=server.url, timeout=60) as client:
            until = time.monotonic() + DATABASE_S
            # No lane has to start first, so requests may come before the database was looked for.
            while client.get("/api/ocr/history").status_code == 503:
                assert time.monotonic() < until
            yield client


@pytest.mark.parametrize("structure", ["false", "true"])
def test_the_model_tells_the_places_of_lines_where_nobody_else_can(
    http: httpx.Client, vlm: VlmServer, tmp_path: Path, structure: str
) -> None:
    vlm.asks.clear()
    vlm.default = lambda ask: Say(PLACED if "坐标" in ask.prompt else "# one\n\ntwo")
    answer = http.post(
        "/api/ocr/recognize",
        files={"image": ("page.png", draw(tmp_path / "page.png", LINES))},
        data={"engine": "vlm", "structure": structure},
    )
    assert answer.status_code == 200, answer.text
    page = answer.json()["pages"][0]
    assert [line["text"] for line in page["lines"]] == ["one", "two"]
    assert len(vlm.asks) == 1
    sources = {line["polygon_source"] for line in page["lines"]}
    if structure == "true":
        assert sources == {"page"}
        assert [block["kind"] for block in page["blocks"]] == ["heading", "text"]
    else:
        assert sources == {"model"}
        # The page is 900 pixels wide and 440 high.
        assert page["lines"][0]["polygon"] == [[90, 44], [450, 44], [450, 88], [90, 88]]
