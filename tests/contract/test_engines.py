"""What every engine owes its lane, asked of the real PP-OCR models."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from maoocr.domain import OcrOptions
from maoocr.engines.base import Run
from maoocr.engines.ppocr import PpocrEngine
from maoocr.engines.ppocr.engine import LANGUAGES
from maoocr.engines.ppocr.geometry import turn_image
from maoocr.errors import CallerLeft, EngineUnavailable, PageTooComplex

Page = NDArray[np.uint8]

PLAIN = OcrOptions()
WORDS = OcrOptions(words=True)
LINES = (
    "The quick brown fox jumps",
    "over the lazy dog while the",
    "invoice total of 1234.56 EUR",
    "remains unpaid since Monday",
    "and nobody seems to care",
    "about the second reminder",
)

pytestmark = pytest.mark.integration


def written(*lines: str, width: int = 900, scale: float = 1.2) -> Page:
    page = np.full((60 + 70 * len(lines), width, 3), 255, np.uint8)
    for i, line in enumerate(lines):
        at = (40, 70 + 70 * i)
        cv2.putText(page, line, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20), 2, cv2.LINE_AA)
    return page


def text_of(engine: PpocrEngine, page: Page, **options: Any) -> list[str]:
    run = Run(threads=options.pop("threads", 1))
    return [line.text for line in engine.recognize([page], OcrOptions(**options), run)[0].lines]


@pytest.fixture(scope="module")
def engine() -> Iterator[PpocrEngine]:
    ppocr = PpocrEngine(device="cpu", threads=2)
    yield ppocr
    ppocr.close()


def test_text_is_read_in_order_with_polygons_on_its_lines(engine: PpocrEngine) -> None:
    page = written(*LINES)
    (result,) = engine.recognize([page], PLAIN, Run())
    assert [line.text for line in result.lines] == list(LINES)
    assert (result.width, result.height, result.rotation_deg) == (900, page.shape[0], 0)
    for i, line in enumerate(result.lines):
        (left, top), _, (_, bottom), _ = line.polygon
        assert top < 60 + 70 * i < bottom
        assert 0 <= left < 60
        assert 0.8 < line.score <= 1
        assert line.engine == engine.info.name
        assert line.words is None


def test_one_result_per_page_in_order(engine: PpocrEngine) -> None:
    pages = [written(line) for line in LINES]
    results = engine.recognize(pages, PLAIN, Run())
    assert [[line.text for line in page.lines] for page in results] == [[line] for line in LINES]
    assert engine.recognize([], PLAIN, Run()) == []


def test_pages_are_only_read(engine: PpocrEngine) -> None:
    page = turn_image(written(*LINES), 180)
    before = page.copy()
    page.flags.writeable = False
    engine.recognize([page], WORDS, Run())
    assert (page == before).all()


def test_options_of_one_call_do_not_reach_the_next(engine: PpocrEngine) -> None:
    page = written(*LINES[:2])
    plain = engine.recognize([page], PLAIN, Run())
    worded = engine.recognize([page], WORDS, Run())
    assert all(line.words for line in worded[0].lines)
    assert engine.recognize([page], PLAIN, Run()) == plain


def test_words_say_what_their_line_says_and_lie_on_it(engine: PpocrEngine) -> None:
    (result,) = engine.recognize([written("Total 12.50 EUR")], WORDS, Run())
    (line,) = result.lines
    assert line.words is not None
    assert [word.text for word in line.words] == ["Total", "12.50", "EUR"]
    lefts = [word.polygon[0][0] for word in line.words]
    assert lefts == sorted(lefts)
    assert lefts[0] == pytest.approx(40, abs=8)
    assert line.words[-1].polygon[1][0] <= line.polygon[1][0] + 1


@pytest.mark.parametrize(
    "page",
    [
        np.full((600, 400, 3), 255, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.full((1, 3000, 3), 9, np.uint8),
        np.random.default_rng(3).integers(0, 255, (300, 400, 3), dtype=np.uint8),
    ],
    ids=["blank", "one pixel", "a hair", "noise"],
)
def test_a_page_without_text_is_an_empty_result(engine: PpocrEngine, page: Page) -> None:
    (result,) = engine.recognize([page], WORDS, Run())
    assert result.lines == ()
    assert (result.height, result.width) == page.shape[:2]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_page_reads_the_same_and_says_how_it_was_turned(
    engine: PpocrEngine, turn: int
) -> None:
    upright = written(*LINES)
    (result,) = engine.recognize([turn_image(upright, turn)], PLAIN, Run())
    assert result.rotation_deg == 360 - turn
    assert [line.text for line in result.lines] == list(LINES)
    assert (result.height, result.width) == upright.shape[:2]
    assert result.lines[0].polygon[0][1] < result.lines[1].polygon[0][1]


def test_a_turned_page_stays_turned_when_rotation_is_off(engine: PpocrEngine) -> None:
    page = turn_image(written(*LINES), 180)
    (result,) = engine.recognize([page], OcrOptions(rotation=False), Run())
    assert result.rotation_deg == 0


def test_threads_do_not_change_the_text(engine: PpocrEngine) -> None:
    page = written(*LINES * 3, width=1300, scale=0.8)
    assert text_of(engine, page, threads=1) == text_of(engine, page, threads=2)


def test_more_threads_than_the_engine_was_built_for_are_not_used(engine: PpocrEngine) -> None:
    assert text_of(engine, written(LINES[0]), threads=64) == [LINES[0]]


def test_a_strip_is_one_line(engine: PpocrEngine) -> None:
    words = [f"word{i:03d}" for i in range(50)]
    strip = written(" ".join(words), width=9000)[20:100]
    (line,) = text_of(engine, strip)
    assert line.split() == words


def test_a_tiny_crop_is_read(engine: PpocrEngine) -> None:
    small = cv2.resize(
        written("Total 12")[25:95, 30:240], None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA
    )
    assert "".join(text_of(engine, np.asarray(small, np.uint8))).replace(" ", "") == "Total12"


@pytest.mark.parametrize("error", [CallerLeft("gone"), PageTooComplex("late")])
def test_a_checkpoint_that_raises_ends_the_call_and_spares_the_engine(
    engine: PpocrEngine, error: Exception
) -> None:
    calls = 0

    def checkpoint() -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise error

    page = written(*LINES)
    with pytest.raises(type(error)):
        engine.recognize([page], PLAIN, Run(2, checkpoint))
    assert text_of(engine, page, threads=2) == list(LINES)


def test_the_checkpoint_is_called_at_least_once_a_line(engine: PpocrEngine) -> None:
    calls: list[int] = []
    engine.recognize([written(*LINES)], PLAIN, Run(1, lambda: calls.append(1)))
    assert len(calls) > len(LINES)


def test_the_digest_names_the_models_and_the_precision(engine: PpocrEngine) -> None:
    other = PpocrEngine(device="cpu", precision="f32")
    same = PpocrEngine(device="cpu", precision=engine.info.details["precision"], threads=1)
    assert same.info.model_digest == engine.info.model_digest
    if engine.info.details["precision"] != "f32":
        assert other.info.model_digest != engine.info.model_digest
    assert engine.info.details["tier"] == "small"
    assert {"zh", "en", "ja", "de"} <= set(LANGUAGES) == set(engine.info.languages)
    assert text_of(other, written(LINES[0])) == [LINES[0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tier": "medium"}, "maoocr models pull ppocr-medium"),
        ({"tier": "huge"}, "tiny, small, medium, server"),
        ({"precision": "int3"}, "bf16"),
        ({"device": "tpu"}, "cuda:N"),
        ({"device": "cuda:7"}, "onnxruntime-gpu"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_sentence(options: dict[str, Any], message: str) -> None:
    if options.get("device", "").startswith("cuda"):
        import onnxruntime

        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("there is a CUDA provider")
    with pytest.raises(EngineUnavailable, match=message):
        PpocrEngine(**options)
