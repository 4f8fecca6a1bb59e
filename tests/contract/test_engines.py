"""What every engine owes its lane, asked of the real ones with the real models of PP-OCR."""

from itertools import cycle

import numpy as np
import pytest

from maoocr.domain import OcrOptions
from maoocr.engines.base import Engine, Run, fixed_threads
from maoocr.errors import CallerLeft, PageTooComplex
from tests.fakes.written_pages import LINE_PX, LINES, Page, written

PLAIN = OcrOptions()
WORDS = OcrOptions(words=True)

pytestmark = pytest.mark.integration


def text_of(engine: Engine, page: Page, threads: int = 1) -> list[str]:
    (result,) = engine.recognize([page], PLAIN, Run(fixed_threads(threads)))
    return [line.text for line in result.lines]


@pytest.fixture(scope="module", params=["ppocr", "paddle"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(f"{request.param}_engine")
    return found


def test_text_is_read_in_order_with_polygons_on_its_lines(engine: Engine) -> None:
    page = written(*LINES)
    (result,) = engine.recognize([page], PLAIN, Run())
    assert [line.text for line in result.lines] == list(LINES)
    assert (result.width, result.height, result.rotation_deg) == (900, page.shape[0], 0)
    for i, line in enumerate(result.lines):
        (left, top), _, (_, bottom), _ = line.polygon
        assert top < 60 + LINE_PX * i < bottom
        assert 0 <= left < 60
        assert 0.8 < line.score <= 1
        assert (line.engine, line.words) == (engine.info.name, None)
        assert line.polygon_source == "detected"


def test_one_result_per_page_in_order(engine: Engine) -> None:
    pages = [written(line) for line in LINES]
    results = engine.recognize(pages, PLAIN, Run())
    assert [[line.text for line in page.lines] for page in results] == [[line] for line in LINES]
    assert engine.recognize([], PLAIN, Run()) == []


def test_pages_are_only_read(engine: Engine) -> None:
    page = np.ascontiguousarray(written(*LINES)[::-1, ::-1])
    before = page.copy()
    page.flags.writeable = False
    engine.recognize([page], WORDS, Run())
    assert (page == before).all()


def test_options_of_one_call_do_not_reach_the_next(engine: Engine) -> None:
    page = written(*LINES[:2])
    plain = engine.recognize([page], PLAIN, Run())
    worded = engine.recognize([page], WORDS, Run())
    assert all(line.words for line in worded[0].lines)
    assert engine.recognize([page], PLAIN, Run()) == plain


def test_words_say_what_their_line_says_and_lie_on_it(engine: Engine) -> None:
    (result,) = engine.recognize([written("Total 12.50 EUR")], WORDS, Run())
    (line,) = result.lines
    assert line.words is not None
    assert [word.text for word in line.words] == ["Total", "12.50", "EUR"]
    lefts = [word.polygon[0][0] for word in line.words]
    assert lefts == sorted(lefts)
    assert lefts[0] == pytest.approx(40, abs=12)
    assert line.words[-1].polygon[1][0] <= line.polygon[1][0] + 1


@pytest.mark.parametrize(
    "page",
    [
        np.full((600, 400, 3), 255, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.full((1, 3000, 3), 9, np.uint8),
        np.full((17, 3000, 3), 9, np.uint8),
        np.random.default_rng(3).integers(0, 255, (300, 400, 3), dtype=np.uint8),
    ],
    ids=["blank", "one pixel", "a hair", "a thread", "noise"],
)
def test_a_page_without_text_is_an_empty_result(engine: Engine, page: Page) -> None:
    (result,) = engine.recognize([page], WORDS, Run())
    assert result.lines == ()
    assert (result.height, result.width) == page.shape[:2]


@pytest.mark.parametrize("error", [CallerLeft("gone"), PageTooComplex("late")])
def test_a_checkpoint_that_raises_ends_the_call_and_spares_the_engine(
    engine: Engine, error: Exception
) -> None:
    calls = 0

    def checkpoint() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise error

    page = written(*LINES)
    with pytest.raises(type(error)):
        engine.recognize([page], PLAIN, Run(fixed_threads(2), checkpoint))
    assert text_of(engine, page, 2) == list(LINES)


def test_the_checkpoint_is_called_at_least_once_a_line(engine: Engine) -> None:
    calls: list[int] = []
    engine.recognize([written(*LINES)], PLAIN, Run(checkpoint=lambda: calls.append(1)))
    assert len(calls) > len(LINES)


def test_threads_that_come_and_go_do_not_change_the_text(engine: Engine) -> None:
    page = written(*LINES * 3, width=1300, scale=0.8)
    counts = cycle((1, 2, 2, 1, 2))
    (result,) = engine.recognize([page], PLAIN, Run(lambda: next(counts)))
    assert [line.text for line in result.lines] == text_of(engine, page)


def test_threads_do_not_change_the_text(engine: Engine) -> None:
    page = written(*LINES * 3, width=1300, scale=0.8)
    texts = [text_of(engine, page, threads) for threads in (1, 2, 64)]
    assert texts[1:] == texts[:1] * 2
    assert len(texts[0]) == len(LINES) * 3
