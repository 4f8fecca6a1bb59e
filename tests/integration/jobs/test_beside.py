"""A large job beside everything else: it yields to who comes, stops at once, and keeps pace."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from maoocr.engines.base import EngineSpec
from maoocr.settings import PoolSettings, Settings, SpoolSettings
from tests.fakes.documents import png, scan
from tests.integration.jobs.pair import JOBS
from tests.integration.web.conftest import Server, serve

pytestmark = pytest.mark.integration

DELAY_S = 0.2
LANES = 2
SLACK_S = 1.0
"""For a machine that does other things as well."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    settings = Settings(
        _env_file=None,
        engine="fake",
        state_dir=tmp_path / "state",
        pool=PoolSettings(lanes=LANES),
        spool=SpoolSettings(dir=tmp_path / "spool"),
    )
    yield from serve(settings, [EngineSpec("fake", ".fake:FakeEngine", {"delay_s": DELAY_S})])


def make(client: httpx.Client, pages: int) -> str:
    document = scan(*(f"page {n}" for n in range(1, pages + 1)))
    answer = client.post(JOBS, files=[("files", ("scan.pdf", document))])
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def wait_for(client: httpx.Client, job: str, pages: int) -> None:
    with client.stream("GET", f"{JOBS}/{job}/results?follow=true", timeout=60) as answer:
        for number, _ in enumerate(answer.iter_lines(), 1):
            if number == pages:
                return


def test_a_single_image_waits_for_one_page_only(server: Server) -> None:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        job = make(client, 300)
        wait_for(client, job, 4)
        for number in range(5):
            began = time.monotonic()
            image = {"image": ("a.png", png(f"single {number}"))}
            answer = client.post("/api/ocr/recognize", files=image)
            assert answer.json()["text"] == f"single {number}"
            # The rest of one page of the job, then its own.
            assert answer.json()["timings"]["queue_s"] <= DELAY_S + 0.1
            assert time.monotonic() - began < 2 * DELAY_S + SLACK_S
        assert client.get(f"{JOBS}/{job}").json()["status"] == "running"
        client.delete(f"{JOBS}/{job}")


def test_a_cancelled_job_frees_the_lanes_and_is_never_written_again(server: Server) -> None:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        job = make(client, 300)
        wait_for(client, job, 4)
        cancelled = client.delete(f"{JOBS}/{job}").json()
        assert cancelled["status"] == "cancelled"
        began = time.monotonic()
        while server.app.state.gateway.metrics.job_pages_in_work._value.get():
            assert time.monotonic() - began < DELAY_S + SLACK_S
        lanes = client.get("/api/ocr/engines").json()
        assert lanes
        other = make(client, 4)
        wait_for(client, other, 5)
        after = client.get(f"{JOBS}/{job}").json()
        assert (after["pages_done"], after["status"]) == (cancelled["pages_done"], "cancelled")
        kept = client.get(f"{JOBS}/{job}/results").text.splitlines()
        assert len(kept) == cancelled["pages_done"]


def test_a_job_keeps_the_lanes_busy(server: Server) -> None:
    pages = 40
    with httpx.Client(base_url=server.url, timeout=60) as client:
        job = make(client, pages)
        wait_for(client, job, 4)
        began = time.monotonic()
        wait_for(client, job, pages)
        rate = (pages - 4) / (time.monotonic() - began)
    # A loose bound: bench/jobs.py measures it against the pool's own pages per second.
    assert rate > 0.6 * LANES / DELAY_S
