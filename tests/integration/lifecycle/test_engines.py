"""Engines that come and go over HTTP: real lanes, and a server that can sleep."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from maoocr.engines.base import EngineSpec
from maoocr.engines.hub_folder import not_being_used
from maoocr.errors import Conflict
from maoocr.settings import VlmSettings
from tests.fakes.documents import png
from tests.fakes.vlm_server import Say, VlmServer
from tests.web.doors import Guarded, guarded

pytestmark = pytest.mark.integration

SPARE = EngineSpec("spare", ".fake:FakeEngine", lanes=1)
TEXT = "awake again and again"
MISSING = EngineSpec("paddle", ".none:None", lanes=1)


@pytest.fixture
def server() -> Iterator[VlmServer]:
    with VlmServer("PaddleOCR-VL-1.6", default=Say(TEXT)) as server:
        server.can_sleep = "yes"
        yield server


@pytest.fixture
async def doors(tmp_path: Path, server: VlmServer) -> AsyncIterator[Guarded]:
    vlm = VlmSettings(url=server.url, model=server.model, family="generic", probe_seconds=0.05)
    path = tmp_path / "models"
    beside = (SPARE, MISSING)
    async with guarded(tmp_path, beside=beside, vlm=vlm, model_path=path) as doors:
        await until(doors, "vlm", "ready")
        yield doors


async def engine(doors: Guarded, name: str) -> dict[str, Any]:
    answer = await doors.client.get("/api/ocr/engines", headers=doors.sent("recognize"))
    return next(it for it in answer.json()["engines"] if it["name"] == name)


async def until(doors: Guarded, name: str, *states: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        async for told in _looks(doors, name):
            if told["state"] in states:
                return told
    raise AssertionError


async def _looks(doors: Guarded, name: str) -> AsyncIterator[dict[str, Any]]:
    while True:
        yield await engine(doors, name)
        await asyncio.sleep(0.02)


async def change(doors: Guarded, name: str, what: str) -> tuple[int, dict[str, Any]]:
    path = f"/api/ocr/engines/{name}/{what}"
    answer = await doors.client.post(path, headers=doors.sent("admin"))
    return answer.status_code, answer.json()


async def read(doors: Guarded, name: str, text: str) -> dict[str, Any]:
    answer = await doors.client.post(
        "/api/ocr/recognize",
        files={"file": ("a.png", png(text))},
        data={"engine": name},
        headers=doors.sent("recognize"),
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_an_engine_is_unloaded_with_its_process_and_loaded_by_the_next_page(
    doors: Guarded,
) -> None:
    pid = doors.gateway.pool.status().engines["spare"].lanes[0].pid
    assert pid is not None
    status, told = await change(doors, "spare", "unload")
    assert (status, told.get("state")) == (200, "sleeping"), told
    assert told["reason"] == "The engine spare was unloaded; it is loaded when it is needed."
    async with asyncio.timeout(30):
        while (await engine(doors, "spare"))["lanes_ready"] or Path(f"/proc/{pid}").exists():
            await doors.gateway.pool.engines["spare"].decided.wait()
    assert (await doors.client.get("/readyz")).status_code == 200
    assert "spare" in (await read(doors, "spare", "again"))["selected_models"]
    assert (await engine(doors, "spare"))["state"] == "ready"


async def test_an_engine_is_loaded_again_by_its_admin(doors: Guarded) -> None:
    await change(doors, "spare", "unload")
    status, _ = await change(doors, "spare", "load")
    assert status == 200
    await until(doors, "spare", "ready")


async def test_the_servers_of_a_model_sleep_and_wake(doors: Guarded, server: VlmServer) -> None:
    status, told = await change(doors, "vlm", "unload")
    assert (status, told.get("state")) == (200, "sleeping"), told
    assert told["endpoints"][0]["state"] == "asleep"
    got = await read(doors, "vlm", TEXT)
    assert got["selected_models"] == ["vlm"]
    assert server.naps == ["sleep 1", "wake"]
    await change(doors, "vlm", "unload")
    await change(doors, "vlm", "load")
    told = await until(doors, "vlm", "ready")
    [endpoint] = told["endpoints"]
    assert (told["kind"], told["privacy"]) == ("vlm", "local")
    assert endpoint["model"] == "PaddleOCR-VL-1.6"
    assert (endpoint["kv_cache"], endpoint["context_tokens"]) == (0.25, 2048)


async def test_pp_ocr_answers_while_a_model_that_would_be_late_is_woken(
    doors: Guarded, server: VlmServer
) -> None:
    await change(doors, "vlm", "unload")
    answer = await doors.client.post(
        "/api/ocr/recognize-with-requirements",
        files={"file": ("a.png", png("in a hurry"))},
        data={"requirements": '{"document_type": "formula", "max_seconds": 20}'},
        headers=doors.sent("recognize"),
    )
    got = answer.json()
    assert "vlm" not in got["selected_models"]
    assert (
        "vlm is asleep, which this request cannot wait for; it is woken now."
        in (got["selection"]["reasons"])
    )
    await until(doors, "vlm", "ready")
    assert server.naps == ["sleep 1", "wake"]


async def test_a_server_that_cannot_sleep_is_a_409_that_says_why(
    doors: Guarded, server: VlmServer
) -> None:
    server.can_sleep = "not really"
    status, told = await change(doors, "vlm", "unload")
    assert status == 409
    assert told["error"]["message"] == "vlm was put to sleep, but did not fall asleep."


async def test_what_is_missing_is_told_with_the_command_that_brings_it(
    doors: Guarded, server: VlmServer
) -> None:
    told = await until(doors, "paddle", "absent", "broken")
    assert told["state"] == "absent"
    assert told["command"] in {"scripts/install --paddle", "maoocr models paddle"}
    await asyncio.to_thread(server.stop)
    told = await until(doors, "vlm", "absent", "broken")
    assert told["command"] == "maoocr models pull paddleocr-vl-1.6"
    assert told["reason"].startswith("vlm cannot be reached")


async def test_an_engine_that_there_is_not_is_not_found(doors: Guarded) -> None:
    for what in ("load", "unload"):
        status, told = await change(doors, "nobody", what)
        assert (status, told["error"]["code"]) == (404, "unknown_engine")


async def test_weights_of_a_running_server_are_in_use(tmp_path: Path, server: VlmServer) -> None:
    folder = tmp_path / "models" / "vlm" / "paddleocr-vl-1.6"
    os.makedirs(folder)
    vlm = VlmSettings(url=server.url, model=server.model)
    async with guarded(tmp_path, vlm=vlm, model_path=tmp_path / "models"):
        with pytest.raises(Conflict, match="A running server uses"), not_being_used(folder):
            raise AssertionError("it may be removed")
    with not_being_used(folder):
        pass
