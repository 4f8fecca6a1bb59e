"""A priced endpoint behind the HTTP API: what it costs, to whom, and what ends its budget."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from maoocr.cli.costs import costs as command
from maoocr.engines.base import EngineSpec
from maoocr.errors import InvalidRequest
from maoocr.settings import CostSettings, PoolSettings, Settings, SpoolSettings, VlmSettings
from tests.fakes.documents import png, scan
from tests.fakes.vlm_server import VlmServer
from tests.integration.web.conftest import serve

pytestmark = pytest.mark.integration

TEXT = "Hello, world."
"""On every page, and what the model says: two tokens."""

PRICE, BUDGET = 0.1, 0.35
CALLS = 4
"""That the budget pays, the last one in part."""

ENGINES = """
engines:
  # A page is expected to cost half of what it does.
  vlm: {{input_tokens: 0, output_tokens: 1}}
endpoints:
  - {{name: cloud, engine: vlm, url: "{url}", model: fake-vlm, privacy: remote,
     price_output_per_1k: 50, daily_budget: {budget}, family: generic, concurrency: 1}}
"""
NO_STORE = {"Cache-Control": "no-store"}


@pytest.fixture
def vlm() -> Iterator[VlmServer]:
    with VlmServer() as server:
        yield server


@pytest.fixture
def http(vlm: VlmServer, tmp_path: Path, database_url: str) -> Iterator[httpx.Client]:
    file = tmp_path / "engines.yaml"
    file.write_text(ENGINES.format(url=vlm.url, budget=BUDGET))
    settings = Settings(
        engine="fake",
        engines_file=file,
        database_url=database_url,
        state_dir=tmp_path / "state",
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=tmp_path / "spool"),
        vlm=VlmSettings(probe_seconds=0.2),
        costs=CostSettings(currency="EUR", local_per_month="30"),
    )
    # Closed by the fixture's end, as the server is by its generator's.
    servers = serve(settings, [EngineSpec("fake", ".fake:FakeEngine")])
    with httpx.Client(base_url=next(servers).url, timeout=60) as client:
        yield client
    for _ in servers:
        raise AssertionError("There is one server.")


def read(http: httpx.Client, data: bytes, **fields: str) -> dict[str, Any]:
    fields = {"engine": "vlm"} | fields
    answer = http.post(
        "/api/ocr/recognize", files={"image": ("a", data)}, data=fields, headers=NO_STORE
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def costs(http: httpx.Client, **query: str) -> dict[str, Any]:
    answer = http.get("/api/ocr/costs", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_pages_cost_is_told_and_adds_up(http: httpx.Client) -> None:
    answers = [read(http, png(TEXT)) for _ in range(2)]
    assert [answer["cost"] for answer in answers] == [PRICE] * 2
    assert read(http, png(TEXT), engine="fake")["cost"] == 0
    found = costs(http)
    assert found["currency"] == "EUR"
    assert (found["remote"]["pages"], found["remote"]["cost"]) == (2, 0.2)
    assert (found["remote"]["cost_per_page"], found["remote"]["calls"]) == (PRICE, 2)
    assert (found["remote"]["output_tokens"], found["unanswered_cost"]) == (4, 0.0)
    assert found["local"]["pages"] >= 1
    assert (found["local"]["cost"], found["local"]["fixed_cost"]) == (0.0, 30.0)
    assert {"vlm", "fake"} == {engine["engine"] for engine in found["engines"]}
    assert [key["owner"] for key in found["keys"]] == [""]
    assert found["break_even"]["is_measured"]
    assert found["break_even"]["pages"] == 300
    assert 'maoocr_cost_total{endpoint="cloud",engine="vlm"} 0.2' in http.get("/metrics").text


def test_frames_and_pages_of_jobs_are_in_it_too(http: httpx.Client) -> None:
    url = str(http.base_url).replace("http://", "ws://").rstrip("/")
    with connect(f"{url}/ws/ocr", open_timeout=30) as socket:
        socket.send('{"engine": "vlm"}')
        socket.send(png(TEXT))
        assert json.loads(socket.recv(timeout=30))["cost"] == PRICE
    files = [("files", ("a.pdf", scan(TEXT, TEXT)))]
    job = http.post("/api/ocr/jobs", files=files, data={"engine": "vlm"}).json()["id"]
    # The events end with the job.
    assert "succeeded" in http.get(f"/api/ocr/jobs/{job}/events").text
    remote = costs(http)["remote"]
    assert (remote["pages"], remote["calls"], remote["cost"]) == (3, 3, 0.3)


def test_the_command_line_tells_the_same(
    http: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    read(http, png(TEXT))
    url = str(http.base_url)
    command("", server=url)
    said = capsys.readouterr().out
    assert "vlm cloud page" in said
    assert "0.1000" in said
    assert "it pays from 300 pages a month on" in said
    with pytest.raises(InvalidRequest, match="month"):
        command("2026-13", server=url)
    command("2020-02", server=url)
    assert "2020-02, EUR" in capsys.readouterr().out


def test_what_was_paid_in_vain_is_not_forgotten(http: httpx.Client) -> None:
    answer = read(http, png("Something else"))
    assert (answer["selected_models"], answer["cost"]) == (["fake"], PRICE)
    assert answer["pages"][0]["flags"] == ["fallback"]
    assert costs(http)["remote"]["cost"] == PRICE


def test_a_document_that_runs_falls_back_when_the_budget_ends(http: httpx.Client) -> None:
    answer = read(http, scan(*[TEXT] * 6))
    read_by = [page["engine"] for page in answer["pages"]]
    assert sorted(read_by) == ["fake"] * 2 + ["vlm"] * CALLS
    assert answer["cost"] == pytest.approx(CALLS * PRICE)
    late = [page for page in answer["pages"] if page["engine"] == "fake"]
    assert all(page["flags"] == ["fallback"] for page in late)
    assert any("could not read pages" in reason for reason in answer["selection"]["reasons"])
    again = read(http, png(TEXT), engine="")
    assert (again["selected_models"], again["cost"]) == (["fake"], 0)
    assert "its daily_budget is 0.35" in http.get("/api/ocr/engines").text
    metrics = http.get("/metrics").text
    assert 'maoocr_budget_left{endpoint="cloud"} 0.0' in metrics
    assert 'maoocr_budget_daily{endpoint="cloud"} 0.35' in metrics


def test_a_cached_answer_costs_nothing(http: httpx.Client) -> None:
    def ask() -> dict[str, Any]:
        files, data = {"image": ("a", png(TEXT))}, {"engine": "vlm"}
        found: dict[str, Any] = http.post("/api/ocr/recognize", files=files, data=data).json()
        return found

    first, second = ask(), ask()
    assert (first["cost"], second["cost"], second["cached"]) == (PRICE, 0, True)
    assert costs(http)["remote"]["pages"] == 1


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "26-01", "2026-01-01", "x"])
def test_a_month_that_is_none_is_refused(http: httpx.Client, month: str) -> None:
    answer = http.get("/api/ocr/costs", params={"month": month})
    assert answer.status_code == 422


def test_another_month_holds_nothing(http: httpx.Client) -> None:
    read(http, png(TEXT))
    found = costs(http, month="2020-02")
    assert (found["month"], found["local"]["pages"], found["engines"]) == ("2020-02", 0, [])
    assert costs(http, month="9998-12")["projected"] == {"pages": 0, "cost": 0.0}
