"""/v1 where no server of a model is configured."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import httpx
import pytest

ASK = {"model": "vlm", "messages": [{"role": "user", "content": "Who are you?"}]}

SCRIPT = """
import asyncio, sys
from pathlib import Path
from prometheus_client import CollectorRegistry
from maoocr.bootstrap import create_app
from maoocr.bootstrap.vlm import open_completions, open_vlms
from maoocr.engines.profiles import load_profiles
from maoocr.settings import Settings
from maoocr.telemetry.metrics import Metrics

async def main():
    settings, metrics = Settings(_env_file=None), Metrics(CollectorRegistry())
    create_app(settings).openapi()
    async with (
        open_vlms(settings, load_profiles(settings), Path(), metrics) as vlms,
        open_completions(vlms, settings, None, metrics) as completions,
    ):
        assert completions.models("any") == []

asyncio.run(main())
print([name for name in sys.modules if name.startswith("maoocr.vllm")])
"""


async def test_there_are_no_models(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/models")
    assert (answer.status_code, answer.json()) == (200, {"object": "list", "data": []})
    assert (await client.get("/v1/models/vlm")).status_code == 404


@pytest.mark.parametrize("stream", [True, False])
async def test_a_call_is_told_why(client: httpx.AsyncClient, stream: bool) -> None:
    answer = await client.post("/v1/chat/completions", json=ASK | {"stream": stream})
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert "MAOOCR_VLM__URL" in error["message"]
    assert (error["code"], error["type"], error["param"]) == (
        "not_found", "not_found_error", "model"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b"[]", 422),
        ("application/json", b"[" * 100_000, 400),
        ("application/json", b'{"model": "\\ud800", "messages": [{"role": "user"}]}', 400),
        ("application/json", b'{"model": NaN}', 400),
        ("text/plain", b"{}", 415),
        ("", b"{}", 415),
    ],
)
async def test_what_is_no_json_is_refused(
    client: httpx.AsyncClient, kind: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = await client.post("/v1/chat/completions", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_errors_elsewhere_are_as_they_were(client: httpx.AsyncClient) -> None:
    error = (await client.get("/v2/models")).json()["error"]
    assert error.keys() == {"code", "message", "retryable", "request_id"}
    error = (await client.get("/v1/embeddings")).json()["error"]
    assert error.keys() == {"code", "message", "retryable", "request_id", "type", "param"}


async def test_an_unknown_wish_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/models", headers={"X-MaoOCR-Privacy": "maybe"})
    assert answer.status_code == 422


async def test_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT]
    run = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stdout=PIPE)
    told, _ = await run.communicate()
    assert (told.strip(), run.returncode) == (b"[]", 0)
