from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import pytest

from maoocr.documents.kinds import kind_named
from maoocr.documents.limits import DecodeLimits
from maoocr.documents.sandbox import DecodedPage, Decoder
from maoocr.domain import OcrOptions, PageResult, Polygon, TextLine, Word
from maoocr.engines.base import Engine, EngineSpec, PageImage, PageText, Run
from maoocr.errors import UnreadableDocument
from maoocr.pool.messages import FromLane, PageDone, PageWork, ReadBatch, Start
from maoocr.pool.page_reader import Departures, PageReader

SQUARE = ((0.0, 0.0), (10.0, 0.0), (10.0, 5.0), (0.0, 5.0))


class Scribe:
    """An engine that does what its function says."""

    def __init__(self, act: Callable[[list[int], Run], list[PageText]] | None = None) -> None:
        self.calls: list[list[int]] = []
        self._act = act

    def recognize(
        self, pages: Sequence[PageImage], options: OcrOptions, run: Run
    ) -> list[PageText]:
        numbers = [int(page[0, 0, 0]) for page in pages]
        self.calls.append(numbers)
        return self._act(numbers, run) if self._act else [page_text() for _ in pages]


class Album:
    """A decoder whose page n is a grey picture of the value n, half the size of the page."""

    def __init__(self, errors: dict[int, Exception] | None = None) -> None:
        self._errors = errors or {}
        self.layers: dict[int, tuple[TextLine, ...]] = {}

    def page(
        self,
        sha256: str,
        kind: object,
        number: int,
        options: OcrOptions,
        checkpoint: Callable[[], None],
    ) -> DecodedPage:
        checkpoint()
        if number in self._errors:
            raise self._errors[number]
        if number in self.layers:
            return DecodedPage(40, 20, 1.0, None, self.layers[number], 0.5)
        image = np.full((10, 20, 3), number, np.uint8)
        return DecodedPage(40, 20, 0.5, image, None, 0.25)


def page_text(score: float = 0.5, rotation_deg: int = 0) -> PageText:
    word = Word("hi", np.float32(score), SQUARE)  # type: ignore[arg-type]
    line = TextLine("hi", score, SQUARE, "scribe", (word,))
    return PageText(20, 10, rotation_deg, (line,))


class Desk:
    """A page reader and what it sent."""

    def __init__(
        self, engine: Scribe, album: Album | None = None, *, page_seconds: float = 60.0
    ) -> None:
        start = Start(
            EngineSpec("scribe", "x:y"), str(Path()), DecodeLimits(), page_seconds, 1 << 30, 1 << 30
        )
        decoder = cast(Decoder, album or Album())
        self.reader = PageReader(cast(Engine, engine), decoder, start)
        self.sent: list[PageDone] = []
        self.departures = Departures()
        self.wants_replacing = False

    def read(self, *numbers: int, options: OcrOptions | None = None) -> list[PageDone]:
        kind = kind_named("png")
        works = tuple(PageWork("d", kind, number, options or OcrOptions()) for number in numbers)
        self.wants_replacing = self.reader.read(ReadBatch(7, works), self.departures, self._hear)
        return sorted(self.sent, key=lambda done: done.index)

    def _hear(self, message: FromLane) -> None:
        assert isinstance(message, PageDone)
        self.sent.append(message)

    def codes(self, *numbers: int) -> list[str]:
        """`ok`, or the code of the error, of each page."""
        return [done.error.code if done.error else "ok" for done in self.read(*numbers)]


def result_of(done: PageDone) -> PageResult:
    assert done.result is not None
    return done.result


def test_what_the_engine_read_is_given_in_pixels_of_the_page() -> None:
    result = result_of(Desk(Scribe()).read(4)[0])
    assert (result.number, result.width, result.height) == (4, 40, 20)
    assert result.lines[0].polygon == ((0.0, 0.0), (20.0, 0.0), (20.0, 10.0), (0.0, 10.0))
    assert result.lines[0].words is not None
    assert result.lines[0].words[0].polygon == result.lines[0].polygon
    assert type(result.lines[0].words[0].score) is float
    assert (result.source, result.engine, result.decode_s) == ("ocr", "scribe", 0.25)
    assert result.recognize_s >= 0


@pytest.mark.parametrize(
    ("degrees", "size"), [(0, (40, 20)), (90, (20, 40)), (180, (40, 20)), (270, (20, 40))]
)
def test_a_page_that_was_turned_has_its_sides_swapped(degrees: int, size: tuple[int, int]) -> None:
    engine = Scribe(lambda pages, _: [page_text(rotation_deg=degrees) for _ in pages])
    result = result_of(Desk(engine).read(1)[0])
    assert (result.rotation_deg, (result.width, result.height)) == (degrees, size)


def test_a_text_layer_is_answered_without_the_engine() -> None:
    engine, album = Scribe(), Album()
    album.layers[2] = (TextLine("born digital", 1.0, SQUARE, "pdf-text-layer"),)
    desk = Desk(engine, album)
    results = [result_of(done) for done in desk.read(1, 2)]
    assert engine.calls == [[1]]
    assert (results[1].source, results[1].engine) == ("text_layer", "pdf-text-layer")
    assert results[1].lines[0].polygon == SQUARE


def test_a_batch_of_text_layers_does_not_wake_the_engine() -> None:
    engine, album = Scribe(), Album()
    album.layers[1] = ()
    assert result_of(Desk(engine, album).read(1)[0]).lines == ()
    assert engine.calls == []


def test_a_page_that_cannot_be_decoded_fails_alone() -> None:
    engine = Scribe()
    desk = Desk(engine, Album({2: UnreadableDocument("It is cut off.")}))
    assert desk.codes(1, 2, 3) == ["ok", "unreadable_document", "ok"]
    assert engine.calls == [[1, 3]]


def test_an_unknown_fault_of_the_decoder_fails_one_page() -> None:
    assert Desk(Scribe(), Album({1: RuntimeError()})).codes(1, 2) == ["engine_fault", "ok"]


def fails_over(number: int, error: Exception) -> Callable[[list[int], Run], list[PageText]]:
    def act(pages: list[int], run: Run) -> list[PageText]:
        if number in pages:
            raise error
        return [page_text() for _ in pages]

    return act


def test_pages_are_tried_alone_when_the_engine_raises_over_several() -> None:
    engine = Scribe(fails_over(2, RuntimeError("text of the document")))
    desk = Desk(engine)
    assert desk.codes(1, 2, 3) == ["ok", "engine_fault", "ok"]
    assert engine.calls == [[1, 2, 3], [1], [2], [3]]
    assert not desk.wants_replacing


def test_what_an_engine_says_in_an_exception_is_not_passed_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk(Scribe(fails_over(1, RuntimeError("text of the document"))))
    (done,) = desk.read(1)
    assert done.error is not None
    assert "text of the document" not in done.error.message + caplog.text
    assert "RuntimeError" in caplog.text


@pytest.mark.parametrize("count", [0, 2])
def test_a_wrong_number_of_results_is_a_fault_of_the_engine(count: int) -> None:
    desk = Desk(Scribe(lambda pages, _: [page_text()] * count))
    (done,) = desk.read(1)
    assert done.error is not None
    assert done.error.code == "engine_fault"
    assert f"{count} results for 1 pages" in done.error.message


def test_a_number_that_is_none_is_a_fault_of_the_engine() -> None:
    assert Desk(Scribe(lambda pages, _: [page_text(float("inf"))])).codes(1) == ["engine_fault"]


def test_a_page_that_takes_the_memory_fails_and_the_lane_is_to_be_replaced() -> None:
    desk = Desk(Scribe(fails_over(2, MemoryError())))
    assert desk.codes(1, 2) == ["ok", "page_too_complex"]
    assert desk.wants_replacing
    failed = desk.sent[-1].error
    assert failed is not None
    assert "MAOOCR_POOL__LANE_MEMORY_BYTES" in failed.message


def test_the_checkpoint_ends_a_page_whose_time_is_up() -> None:
    def act(pages: list[int], run: Run) -> list[PageText]:
        while True:
            run.checkpoint()

    desk = Desk(Scribe(act), page_seconds=0.01)
    assert desk.codes(1) == ["page_too_complex"]


def test_the_checkpoint_passes_while_anybody_waits() -> None:
    engine_pages: list[int] = []

    def act(pages: list[int], run: Run) -> list[PageText]:
        desk.departures.add(7, 0)
        run.checkpoint()
        engine_pages.extend(pages)
        desk.departures.add(7, 1)
        run.checkpoint()
        return []

    desk = Desk(Scribe(act))
    assert desk.codes(1, 2) == ["caller_left", "caller_left"]
    assert engine_pages == [1, 2]


def test_a_page_whose_caller_left_is_not_decoded() -> None:
    desk = Desk(Scribe(), Album({1: AssertionError("decoded")}))
    desk.departures.add(7, 0)
    assert desk.codes(1, 2) == ["caller_left", "ok"]


def test_departures_are_forgotten_with_their_batch() -> None:
    departures = Departures()
    departures.add(7, 0)
    departures.add(8, 0)
    departures.forget(7)
    assert (7, 0) not in departures
    assert (8, 0) in departures


def test_the_engine_hears_of_each_change_how_many_threads_it_has() -> None:
    threads: list[int] = []

    def ask(numbers: list[int], run: Run) -> list[PageText]:
        for desk.reader.share.threads in (3, 1, 2):
            threads.append(run.threads())
        return [page_text()]

    desk = Desk(Scribe(ask))
    desk.read(1)
    assert threads == [3, 1, 2]


def test_texts_are_composed_and_can_be_sent_whatever_a_document_holds() -> None:
    def act(numbers: list[int], run: Run) -> list[PageText]:
        line = TextLine("e\u0301 \ud800", 0.123456, SQUARE, "scribe")
        return [PageText(20, 10, 0, (line,))]

    (done,) = Desk(Scribe(act)).read(1)
    (line,) = result_of(done).lines
    assert line.text == "\u00e9 ?"
    assert line.score == 0.1235
    msgspec.msgpack.encode(done)


def test_places_are_told_in_tenths_of_a_pixel() -> None:
    def act(numbers: list[int], run: Run) -> list[PageText]:
        third = tuple((x / 3, y / 3) for x, y in SQUARE)
        return [PageText(20, 10, 0, (TextLine("a", 1.0, cast(Polygon, third), "scribe"),))]

    (done,) = Desk(Scribe(act)).read(1)
    assert result_of(done).lines[0].polygon == ((0.0, 0.0), (6.7, 0.0), (6.7, 3.3), (0.0, 3.3))
