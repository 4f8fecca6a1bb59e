import pytest
from prometheus_client import CollectorRegistry

from maoocr.domain import PageResult, TextLine
from maoocr.engines.base import EngineInfo
from maoocr.errors import EngineLost
from maoocr.pool.figures import FIRST_GUESS_SECONDS, Figures
from maoocr.pool.supervisor import LaneStatus
from maoocr.pool.tickets import Ticket
from maoocr.telemetry.metrics import Metrics

TICKET: Ticket = None  # type: ignore[assignment]
LINE = TextLine("ab", 0.5, ((0, 0), (1, 0), (1, 1), (0, 1)), "x")


class Desk:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.figures = Figures("x", Metrics(self.registry))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"maoocr_{name}", labels)


def test_the_first_pages_weigh_more_than_the_guess() -> None:
    figures = Desk().figures
    assert figures.seconds_per_page == FIRST_GUESS_SECONDS
    for _ in range(9):
        figures.read(1, 0.1)
    assert figures.seconds_per_page == pytest.approx((FIRST_GUESS_SECONDS + 9 * 0.1) / 10)


def test_a_change_shows_within_dozens_of_pages() -> None:
    figures = Desk().figures
    for _ in range(100):
        figures.read(1, 0.1)
    for _ in range(40):
        figures.read(1, 1.0)
    assert figures.seconds_per_page == pytest.approx(1.0, abs=0.05)


def test_a_batch_counts_page_by_page() -> None:
    one, four = Desk().figures, Desk().figures
    four.read(4, 2.0)
    for _ in range(4):
        one.read(1, 0.5)
    assert four.seconds_per_page == one.seconds_per_page


def test_outcomes_are_counted_by_their_code() -> None:
    desk = Desk()
    desk.figures.answered(TICKET, PageResult(1, lines=(LINE,), recognize_s=0.25, queue_s=2.0))
    desk.figures.answered(TICKET, PageResult(1))
    desk.figures.answered(TICKET, EngineLost("gone"))
    assert desk.value("pages_total", engine="x", outcome="ok") == 2
    assert desk.value("pages_total", engine="x", outcome="engine_lost") == 1
    assert desk.value("page_recognize_seconds_sum", engine="x") == 0.25
    assert desk.value("page_queue_seconds_sum", engine="x") == 2.0
    assert desk.value("page_confidence_ratio_count", engine="x") == 1


def test_lanes_are_counted_by_their_state() -> None:
    desk = Desk()
    desk.figures.lanes((LaneStatus(0, "idle", 7, 3, 500), LaneStatus(1, "starting", None, 0, 0)))
    states = {s: desk.value("lanes", engine="x", state=s) for s in ("idle", "starting", "busy")}
    assert states == {"idle": 1, "starting": 1, "busy": 0}
    assert desk.value("lane_rss_bytes", engine="x", lane="0") == 500


def test_what_an_engine_runs_is_told_and_what_it_ran_before_is_zero() -> None:
    desk = Desk()
    idle = (LaneStatus(0, "idle", 7, 3, 500),)
    for digest in ("m1", "m1", "m2"):
        desk.figures.lanes(idle, EngineInfo("x", digest, details={"runtime": "openvino 2025.1"}))
    runs = {
        d: desk.value("engine_info", engine="x", digest=d, runtime="openvino 2025.1")
        for d in ("m1", "m2")
    }
    assert runs == {"m1": 0, "m2": 1}


def test_the_rest_is_passed_on() -> None:
    desk = Desk()
    desk.figures.queued(3)
    desk.figures.begun(2)
    desk.figures.retried()
    desk.figures.lane_ended("hang")
    desk.figures.documents(4)
    desk.figures.refused("overloaded")
    assert desk.value("queue_pages", engine="x") == 3
    assert desk.value("batch_pages_sum", engine="x") == 2
    assert desk.value("pages_retried_total", engine="x") == 1
    assert desk.value("lane_restarts_total", engine="x", reason="hang") == 1
    assert desk.value("admitted_documents", engine="x") == 4
    assert desk.value("refusals_total", reason="overloaded") == 1
