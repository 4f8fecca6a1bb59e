"""The use case with a pool of its own making: what it asks of the rooms below, and when."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from maoocr.cache.flights import MemoryFlights
from maoocr.cache.memory import MemoryCache
from maoocr.documents.kinds import Kind
from maoocr.documents.sandbox import Probe
from maoocr.domain import OcrOptions, OcrResult, PageResult, PageSelection, Requirements, TextLine
from maoocr.engines.base import EngineInfo
from maoocr.engines.profiles import EngineProfile
from maoocr.errors import (
    DeadlineExceeded,
    InvalidRequest,
    MaoOCRError,
    Overloaded,
    TooLarge,
    UnknownEngine,
    UnreadableDocument,
)
from maoocr.pool import PageTask
from maoocr.service.ports import Document, EngineCard
from maoocr.service.recognizer import CacheUse, Recognizer, StreamBegun
from maoocr.settings import LimitSettings
from maoocr.telemetry.metrics import Metrics

PROFILE = EngineProfile("ppocr")
PNG = Kind("png", "image/png", False)
PDF = Kind("pdf", "application/pdf", True)
BOX = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))


@dataclass
class Sheet:
    """A document that notes how it is held."""

    sha256: str = "h"
    kind: Kind = PNG
    size: int = 10
    kept: int = 0
    released: int = 0
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep(self) -> None:
        self.kept += 1

    def release(self) -> None:
        self.released += 1
        self.let_go.set()


@dataclass
class Counter:
    pages: int = 1
    asked: int = 0
    pixels: int | None = None

    async def probe(self, document: Document) -> Probe:
        self.asked += 1
        return Probe(self.pages, self.pixels)


@dataclass
class Pool:
    """Reads page n as "page n"; a test may hold it, and say which pages fail."""

    failing: dict[int, MaoOCRError] = field(default_factory=dict)
    refusal: MaoOCRError | None = None
    read_pages: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    admitted: list[tuple[str, int, str]] = field(default_factory=list)
    open: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    @contextmanager
    def admit(self, engine: str, pages: int, *, client: str, deadline: float) -> Iterator["Pool"]:
        if self.refusal is not None:
            raise self.refusal
        self.admitted.append((engine, pages, client))
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    async def read(self, task: PageTask) -> PageResult:
        self.begun.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(task.page)
            raise
        self.read_pages.append(task.page)
        if task.page in self.failing:
            raise self.failing[task.page]
        line = TextLine(f"page {task.page}", 0.9, BOX, "ppocr")
        return PageResult(task.page, 10, 10, engine="ppocr", lines=(line,), recognize_s=0.5)


class Engines:
    def __init__(self, digest: str = "m1") -> None:
        self.digest = digest

    def cards(self) -> Sequence[EngineCard]:
        return [EngineCard(PROFILE, EngineInfo("ppocr", self.digest, ("en",)), True)]

    def wake(self, engine: str) -> None:
        raise AssertionError


class Bench:
    """A recognizer with everything around it at hand."""

    def __init__(self, limits: LimitSettings | None = None, pages: int = 1) -> None:
        self.metrics = Metrics(CollectorRegistry())
        self.pool = Pool()
        self.counter = Counter(pages)
        self.engines = Engines()
        self.recognizer = Recognizer(
            self.pool,
            self.engines,
            self.counter,
            MemoryCache(1_000_000, 60.0, self.metrics),
            MemoryFlights(),
            limits or LimitSettings(),
            self.metrics,
        )

    def start(
        self, sheet: Sheet, options: OcrOptions | None = None, cache: CacheUse = "use"
    ) -> "asyncio.Task[OcrResult]":
        work = self.recognizer.recognize(sheet, options or OcrOptions(), cache=cache)
        return asyncio.ensure_future(work)


async def test_a_picture_becomes_text_and_its_bytes_are_let_go() -> None:
    bench, sheet = Bench(), Sheet()
    result = await bench.recognizer.recognize(sheet, OcrOptions(), client="someone")
    assert result.text == "page 1"
    assert result.language == "en"
    assert result.selection.engine == "ppocr"
    assert result.timings.recognize_s == 0.5
    assert bench.pool.admitted == [("ppocr", 1, "someone")]
    assert (sheet.kept, sheet.released, bench.pool.open) == (1, 1, 0)
    assert bench.counter.asked == 0


async def test_the_second_identical_request_is_answered_from_the_cache() -> None:
    bench = Bench()
    first = await bench.start(Sheet())
    sheet = Sheet()
    second = await bench.start(sheet)
    assert (first.cached, second.cached) == (False, True)
    assert second.pages == first.pages
    assert bench.pool.read_pages == [1]
    assert (sheet.kept, sheet.released) == (0, 1)


@pytest.mark.parametrize(("cache", "third"), [("refresh", True), ("off", False)])
async def test_the_cache_can_be_refreshed_or_left_alone(cache: CacheUse, third: bool) -> None:
    bench = Bench()
    assert not (await bench.start(Sheet(), cache=cache)).cached
    assert not (await bench.start(Sheet(), cache=cache)).cached
    assert (await bench.start(Sheet())).cached is third


async def test_what_is_at_hand_is_found_whoever_computes_it_anew() -> None:
    bench = Bench()
    await bench.start(Sheet())
    bench.pool.gate.clear()
    anew = bench.start(Sheet(), cache="refresh")
    await bench.pool.begun.wait()
    assert (await bench.start(Sheet())).cached
    bench.pool.gate.set()
    assert not (await anew).cached


async def test_a_new_model_is_not_answered_from_the_old_ones_results() -> None:
    bench = Bench()
    await bench.start(Sheet())
    bench.engines.digest = "m2"
    assert not (await bench.start(Sheet())).cached


async def test_other_options_are_another_answer() -> None:
    bench = Bench()
    await bench.start(Sheet())
    assert not (await bench.start(Sheet(), OcrOptions(words=True))).cached


async def test_identical_requests_at_the_same_time_are_computed_once() -> None:
    bench = Bench()
    bench.pool.gate.clear()
    sheets = [Sheet() for _ in range(5)]
    calls = [bench.start(sheet) for sheet in sheets]
    await bench.pool.begun.wait()
    bench.pool.gate.set()
    results = await asyncio.gather(*calls)
    assert [result.shared for result in results] == [False, True, True, True, True]
    assert bench.pool.read_pages == [1]
    assert [sheet.released for sheet in sheets] == [1] * 5


async def test_the_first_of_identical_callers_may_leave() -> None:
    bench = Bench()
    bench.pool.gate.clear()
    sheets = [Sheet(), Sheet()]
    first, second = (bench.start(sheet) for sheet in sheets)
    await bench.pool.begun.wait()
    first.cancel()
    await asyncio.wait({first})
    assert sheets[0].released == 0
    bench.pool.gate.set()
    assert (await second).text == "page 1"
    assert [sheet.released for sheet in sheets] == [1, 1]


async def test_work_stops_when_the_last_caller_leaves() -> None:
    bench, sheet = Bench(pages=3), Sheet(kind=PDF)
    bench.pool.gate.clear()
    call = bench.start(sheet)
    await bench.pool.begun.wait()
    call.cancel()
    await asyncio.wait({call})
    await sheet.let_go.wait()
    assert bench.pool.open == 0
    assert bench.pool.cancelled == [1, 2, 3]
    assert sheet.released == 1


async def test_the_pages_asked_for_are_read_in_order() -> None:
    bench = Bench(pages=9)
    options = OcrOptions(pages=PageSelection.parse("7,2-3"))
    result = await bench.start(Sheet(kind=PDF), options)
    assert [page.number for page in result.pages] == [2, 3, 7]
    assert (result.pages_total, result.pages_done) == (9, 3)
    assert result.text == "page 2\n\npage 3\n\npage 7"
    assert bench.pool.admitted[0][1] == 3


async def test_a_page_that_the_document_does_not_have_is_refused() -> None:
    bench, sheet = Bench(pages=2), Sheet(kind=PDF)
    with pytest.raises(InvalidRequest, match="has 2 pages"):
        await bench.start(sheet, OcrOptions(pages=PageSelection.parse("3")))
    assert sheet.released == 1


async def test_too_many_pages_are_refused_by_name_of_the_setting() -> None:
    bench = Bench(LimitSettings(max_pages=5), pages=6)
    with pytest.raises(TooLarge, match="MAOOCR_LIMITS__MAX_PAGES"):
        await bench.start(Sheet(kind=PDF))
    result = await bench.start(Sheet(kind=PDF), OcrOptions(pages=PageSelection.parse("2-6")))
    assert result.pages_done == 5


async def test_a_bad_page_fails_alone_and_is_not_cached() -> None:
    bench = Bench(pages=3)
    bench.pool.failing = {2: UnreadableDocument("broken")}
    result = await bench.start(Sheet(kind=PDF))
    assert result.text == "page 1\n\npage 3"
    assert result.pages[1].error is not None
    assert result.pages[1].error.code == "unreadable_document"
    assert (result.pages_total, result.pages_done) == (3, 2)
    bench.pool.failing = {}
    assert (await bench.start(Sheet(kind=PDF))).pages_done == 3


async def test_a_document_without_one_good_page_fails_as_its_first_page_did() -> None:
    bench = Bench(pages=2)
    bench.pool.failing = {1: UnreadableDocument("one"), 2: TooLarge("two")}
    with pytest.raises(UnreadableDocument, match="Page 1: one"):
        await bench.start(Sheet(kind=PDF))


async def test_a_single_page_fails_with_its_own_error() -> None:
    bench, sheet = Bench(), Sheet()
    bench.pool.failing = {1: UnreadableDocument("broken")}
    with pytest.raises(UnreadableDocument, match=r"^broken"):
        await bench.start(sheet)
    assert sheet.released == 1


async def test_a_refusal_reaches_the_caller_with_its_delay() -> None:
    bench, sheet = Bench(), Sheet()
    bench.pool.refusal = Overloaded("full", retry_after_s=7)
    with pytest.raises(Overloaded) as caught:
        await bench.start(sheet)
    assert caught.value.retry_after_s == 7
    assert sheet.released == 1


async def test_an_unknown_engine_is_refused_before_anything_is_read() -> None:
    bench, sheet = Bench(), Sheet()
    with pytest.raises(UnknownEngine):
        await bench.recognizer.recognize(sheet, OcrOptions(), engine="none")
    assert (sheet.kept, sheet.released) == (0, 1)


async def test_a_request_ends_at_its_deadline() -> None:
    bench, sheet = Bench(LimitSettings(request_seconds=0.01)), Sheet()
    bench.pool.gate.clear()
    with pytest.raises(DeadlineExceeded, match="MAOOCR_LIMITS__REQUEST_SECONDS"):
        await bench.start(sheet)
    assert bench.pool.cancelled == [1]
    assert sheet.released == 1


async def test_the_language_of_the_requirements_holds_where_no_option_says_otherwise() -> None:
    bench = Bench()
    needs = Requirements(language="ru")
    result = await bench.recognizer.recognize(Sheet(), OcrOptions(), requirements=needs)
    assert any("language ru" in reason for reason in result.selection.reasons)


async def test_pages_stream_in_order_and_a_bad_one_carries_its_error() -> None:
    bench, sheet = Bench(pages=3), Sheet(kind=PDF)
    bench.pool.failing = {2: UnreadableDocument("broken")}
    begun, *pages, whole = [item async for item in bench.recognizer.stream(sheet, OcrOptions())]
    assert isinstance(begun, StreamBegun)
    assert isinstance(whole, OcrResult)
    assert list(whole.pages) == pages
    assert (begun.pages_total, begun.pages_coming, begun.is_cached) == (3, 3, False)
    assert [page.number for page in pages if isinstance(page, PageResult)] == [1, 2, 3]
    assert isinstance(pages[1], PageResult)
    assert pages[1].error is not None
    assert (sheet.released, bench.pool.open) == (1, 0)


async def test_a_stream_fills_the_cache_and_is_answered_from_it() -> None:
    bench = Bench(pages=2)
    first = [item async for item in bench.recognizer.stream(Sheet(kind=PDF), OcrOptions())]
    whole = await bench.start(Sheet(kind=PDF))
    assert whole.cached
    second = [item async for item in bench.recognizer.stream(Sheet(kind=PDF), OcrOptions())]
    assert second[0] == StreamBegun(2, 2, True, whole.cache_key)
    assert second[1:-1] == first[1:-1]
    assert bench.pool.read_pages == [1, 2]


async def test_a_single_page_that_fails_ends_its_stream_with_its_error() -> None:
    bench, sheet = Bench(), Sheet()
    bench.pool.failing = {1: UnreadableDocument("broken")}
    with pytest.raises(UnreadableDocument):
        [item async for item in bench.recognizer.stream(sheet, OcrOptions())]
    assert (sheet.released, bench.pool.open) == (1, 0)


async def test_a_stream_that_is_closed_early_frees_its_room() -> None:
    bench, sheet = Bench(pages=3), Sheet(kind=PDF)
    async with aclosing(bench.recognizer.stream(sheet, OcrOptions())) as stream:
        await anext(stream)
        await anext(stream)
    assert (sheet.released, bench.pool.open) == (1, 0)
