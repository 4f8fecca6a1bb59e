"""Jobs outlive the processes that take and run them."""

from pathlib import Path

import pytest

from tests.fakes.documents import png, scan
from tests.integration.jobs.pair import Pair, pair

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
