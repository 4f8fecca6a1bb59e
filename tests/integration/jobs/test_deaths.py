"""Jobs outlive the processes that take and run them."""

import time
from pathlib import Path

import httpx
import pytest

from tests.fakes.documents import png, scan
from tests.integration.jobs.pair import JOBS, Pair, pair
from tests.servers import PostgresServer

pytestmark = pytest.mark.integration

PAGES = 60
DEATHS = 4
DELAY_S = 0.1


def survives(both: Pair, pages: int, deaths: int) -> None:
    """A job is made, its maker dies at once, and then one after the other in turn."""
    job = both.post("a", ("scan.pdf", scan(*(f"page {n}" for n in range(1, pages + 1)))))["id"]
    both.kill("a")
    both.start("a")
    for death in range(1, deaths + 1):
        doomed, other = ("b", "a") if death % 2 else ("a", "b")
        both.pages(other, job, most=death * pages // (deaths + 2))
        both.kill(doomed)
        both.start(doomed)
    found = both.pages("a", job)
    assert sorted(line["page"] for line in found) == list(range(1, pages + 1))
    assert [line["event"] for line in found] == list(range(1, pages + 1))
    assert all(line["text"] == f"page {line['page']}" for line in found)
    shown = both.show("b", job)
    assert (shown["status"], shown["pages_total"]) == ("succeeded", pages)
    assert (shown["pages_done"], shown["pages_failed"]) == (pages, 0)


def test_each_page_is_done_once_whoever_is_killed(tmp_path: Path, database_url: str) -> None:
    with pair(tmp_path, {"DATABASE_URL": database_url}, DELAY_S) as both:
        survives(both, PAGES, DEATHS)


def test_a_process_that_ends_in_order_gives_its_pages_back(tmp_path: Path) -> None:
    with pair(tmp_path, {"MAOOCR_JOBS__LEASE_SECONDS": "600"}, DELAY_S) as both:
        job = both.post("a", *((f"{n}.png", png(str(n))) for n in range(20)))["id"]
        both.pages("b", job, most=2)
        both.gateways["a"].end()
        # Its leases would last for minutes.
        assert len(both.pages("b", job)) == 20


def test_jobs_pause_while_the_database_is_away(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    try:
        with pair(tmp_path, {"DATABASE_URL": server.url()}, DELAY_S) as both:
            job = both.post("a", ("scan.pdf", scan(*(f"page {n}" for n in range(1, 61)))))["id"]
            both.pages("b", job, most=10)
            server.stop()
            answer = httpx.get(both.url("a", f"{JOBS}/{job}"), timeout=30)
            assert (answer.status_code, answer.json()["error"]["code"]) == (
                503,
                "store_unavailable",
            )
            server.start()
            found = both.pages("a", job)
            assert [line["event"] for line in found] == list(range(1, 61))
            assert sorted(line["page"] for line in found) == list(range(1, 61))
            assert not any("error" in line for line in found)
    finally:
        server.stop()


def test_who_follows_does_not_keep_a_process_from_ending(tmp_path: Path) -> None:
    with pair(tmp_path, {}, 30.0) as both:
        job = both.post("a", ("a.png", png("slow")))["id"]
        url = both.url("b", f"{JOBS}/{job}/events")
        with httpx.stream("GET", url, timeout=30) as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("retry")
            began = time.monotonic()
            both.gateways["b"].end()
            list(lines)
            assert time.monotonic() - began < 15
