"""What the metrics tell of answers and of the ways in which pages were read."""

import asyncio
from dataclasses import replace

from prometheus_client import CollectorRegistry

from maoocr.domain import OcrOptions, PageError, PageResult
from maoocr.errors import UnreadableDocument
from maoocr.service.cascade import merged, rereading_of
from maoocr.service.counting import count_pages, way_of
from maoocr.telemetry.metrics import Metrics
from tests.unit.service.test_cascade import BAD, answers, page, sure
from tests.unit.service.test_recognizer import PDF, Bench, Sheet

DOUBTED = page(*sure(12), BAD)


def reread(*texts: str) -> PageResult:
    rereading = rereading_of(DOUBTED, 0.0)
    assert rereading is not None
    controls = [DOUBTED.lines[i].text for i in rereading.controls]
    return merged(DOUBTED, rereading, answers(*texts, *controls))


def test_a_page_that_one_engine_read_was_read_alone() -> None:
    assert way_of(page(*sure(3))) == "alone"
    assert way_of(page()) == "alone"


def test_a_second_reading_shows_whether_it_was_believed_or_not() -> None:
    better, worse = reread("Total amount 10,50"), reread("something else altogether")
    assert better.lines[12].flags == ("reread",)
    assert worse.lines[12].flags == ("doubtful",)
    assert way_of(better) == way_of(worse) == "reread"


def test_a_second_reading_that_could_not_be_is_told_apart() -> None:
    unread = reread("Total amount 10,50")
    assert way_of(replace(unread, flags=("not_reread",))) == "not_reread"


def test_a_fallback_and_a_text_layer_go_before_the_rest() -> None:
    assert way_of(replace(DOUBTED, flags=("fallback", "not_reread"))) == "fallback"
    assert way_of(replace(DOUBTED, source="text_layer")) == "text_layer"


def test_pages_that_failed_are_passed_over() -> None:
    metrics = Metrics(CollectorRegistry())
    failed = PageResult(2, error=PageError("engine_lost", "It is gone.", True))
    count_pages(metrics, (DOUBTED, failed))
    counted = metrics.registry.get_sample_value
    assert counted("maoocr_page_ways_total", {"engine": "ppocr", "way": "alone"}) == 1
    assert counted("maoocr_page_ways_total", {"engine": "", "way": "alone"}) is None


class Counted(Bench):
    """A recognizer whose metrics can be asked."""

    def answers(self, source: str) -> float:
        return self._value("maoocr_answers_total", source=source)

    def pages(self, way: str) -> float:
        return self._value("maoocr_page_ways_total", way=way)

    def _value(self, name: str, **labels: str) -> float:
        registry = self.metrics.registry
        return registry.get_sample_value(name, {"engine": "ppocr", **labels}) or 0.0


async def test_answers_are_counted_by_where_they_come_from() -> None:
    bench = Counted()
    bench.pool.gate.clear()
    both = [bench.start(Sheet()), bench.start(Sheet())]
    await bench.pool.begun.wait()
    bench.pool.gate.set()
    await asyncio.gather(*both)
    await bench.start(Sheet())
    assert [bench.answers(s) for s in ("computed", "shared", "cached")] == [1, 1, 1]
    assert bench.pages("alone") == 1


async def test_a_stream_counts_like_an_answer_in_one_piece() -> None:
    bench = Counted(pages=3)
    for _ in range(2):
        assert [item async for item in bench.recognizer.stream(Sheet(kind=PDF), OcrOptions())]
    assert [bench.answers(s) for s in ("computed", "cached")] == [1, 1]
    assert bench.pages("alone") == 3


async def test_what_could_not_be_read_is_no_answer() -> None:
    bench = Counted()
    bench.pool.failing[1] = UnreadableDocument("broken")
    await asyncio.gather(bench.start(Sheet()), return_exceptions=True)
    assert bench.answers("computed") == 0
