import re

import httpx
import pytest
from fastapi import FastAPI

from maoocr import __version__
from maoocr.service.options import OPTIONS


async def test_the_process_is_alive_and_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "alive"}
    assert (await client.get("/readyz")).json() == {"status": "ready"}


@pytest.mark.parametrize("path", ["/health", "/api/v1/monitoring/health"])
async def test_health_tells_each_dependency(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    got = answer.json()
    assert answer.status_code == 200
    assert (got["status"], got["ready"], got["version"]) == ("ok", True, __version__)
    assert set(got["checks"]) == {"spool", "state", "engine:fake", "database"}
    assert all(check["state"] == "ok" for check in got["checks"].values())


async def test_metrics_count_requests_by_route(client: httpx.AsyncClient) -> None:
    await client.get("/nowhere")
    text = (await client.get("/metrics")).text
    assert 'maoocr_http_requests_total{method="GET",route="other",status="404"}' in text
    assert f'maoocr_build_info{{version="{__version__}"}} 1.0' in text
    assert 'maoocr_lanes{engine="fake",state="idle"} 1.0' in text
    assert "maoocr_ready 1.0" in text
    runs = r'^maoocr_engine_info\{digest="[^"]+",engine="fake",runtime=""\} 1.0$'
    assert re.search(runs, text, re.MULTILINE)
    assert re.search(r"^process_resident_memory_bytes [\d.e+]+$", text, re.MULTILINE)


async def test_what_must_not_happen_is_counted_from_zero(client: httpx.AsyncClient) -> None:
    """A rise from nothing is none to Prometheus."""
    text = (await client.get("/metrics")).text
    assert 'maoocr_history_rows_total{outcome="refused"} 0.0' in text
    assert 'maoocr_webhooks_total{outcome="failed"} 0.0' in text


async def test_engines_tell_their_state(client: httpx.AsyncClient) -> None:
    got = (await client.get("/api/ocr/engines")).json()
    assert got["default"] == "fake"
    engine = got["engines"][0]
    assert (engine["name"], engine["state"], engine["lanes_ready"]) == ("fake", "ready", 1)
    assert engine["failure"] is None


async def test_options_describe_every_option(client: httpx.AsyncClient) -> None:
    got = (await client.get("/api/ocr/options")).json()["options"]
    assert [option["name"] for option in got] == [
        *(spec.name for spec in OPTIONS),
        "engine",
        "format",
    ]
    engine = got[-2]
    assert [value["value"] for value in engine["values"]] == ["auto", "fake"]


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        ("/", "<title>"),
        ("/docs", "swagger-ui"),
        ("/docs/assets/swagger-ui-bundle.js", "SwaggerUIBundle"),
        ("/static/docs.js", "openapi.json"),
        ("/openapi.json", "MaoOCR"),
    ],
)
async def test_pages_are_served_with_strict_headers(
    client: httpx.AsyncClient, path: str, holds: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert holds in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src" not in policy


async def test_nothing_is_loaded_from_elsewhere(client: httpx.AsyncClient, app: FastAPI) -> None:
    for path in ("/", "/docs"):
        text = (await client.get(path)).text
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert "https://" not in text
