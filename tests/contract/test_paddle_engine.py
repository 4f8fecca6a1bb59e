"""What every engine owes its lane, asked of the real PaddleOCR with the weights of PP-OCR."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from maoocr.domain import OcrOptions
from maoocr.engines.base import Run
from maoocr.engines.paddle import PaddleEngine
from maoocr.engines.paddle.folders import lay_out
from maoocr.errors import CallerLeft, EngineUnavailable, PageTooComplex
from tests.fakes.onnx_graphs import corner_model, flat_model, layout_model

Page = NDArray[np.uint8]

PLAIN = OcrOptions()
WORDS = OcrOptions(words=True)
LINES = (
    "The quick brown fox jumps",
    "over the lazy dog while the",
    "invoice total of 1234.56 EUR",
    "remains unpaid since Monday",
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        find_spec("paddleocr") is None, reason="paddleocr is not here: scripts/install --paddle"
    ),
]


def written(*lines: str, width: int = 900) -> Page:
    page = np.full((60 + 70 * len(lines), width, 3), 255, np.uint8)
    for i, line in enumerate(lines):
        at = (40, 70 + 70 * i)
        cv2.putText(page, line, at, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 2, cv2.LINE_AA)
    return page


def text_of(engine: PaddleEngine, page: Page, threads: int = 1) -> list[str]:
    (result,) = engine.recognize([page], PLAIN, Run(threads))
    return [line.text for line in result.lines]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models' folder with PP-OCRv6 small, as `maoocr models paddle` makes it."""
    root = tmp_path_factory.mktemp("models")
    lay_out("small", root)
    return root


@pytest.fixture(scope="module")
def engine(models: Path) -> Iterator[PaddleEngine]:
    paddle = PaddleEngine(model_path=str(models), threads=2)
    yield paddle
    paddle.close()


def test_text_is_read_in_order_with_polygons_on_its_lines(engine: PaddleEngine) -> None:
    page = written(*LINES)
    (result,) = engine.recognize([page], PLAIN, Run())
    assert [line.text for line in result.lines] == list(LINES)
    assert (result.width, result.height, result.rotation_deg) == (900, page.shape[0], 0)
    for i, line in enumerate(result.lines):
        (left, top), _, (_, bottom), _ = line.polygon
        assert top < 60 + 70 * i < bottom
        assert 0 <= left < 60
        assert 0.8 < line.score <= 1
        assert (line.engine, line.words, line.polygon_source) == ("paddle", None, "detected")


def test_one_result_per_page_in_order(engine: PaddleEngine) -> None:
    pages = [written(line) for line in LINES]
    results = engine.recognize(pages, PLAIN, Run())
    assert [[line.text for line in page.lines] for page in results] == [[line] for line in LINES]
    assert engine.recognize([], PLAIN, Run()) == []


def test_pages_are_only_read(engine: PaddleEngine) -> None:
    page = written(*LINES)
    before = page.copy()
    page.flags.writeable = False
    engine.recognize([page], WORDS, Run())
    assert (page == before).all()


def test_options_of_one_call_do_not_reach_the_next(engine: PaddleEngine) -> None:
    page = written(*LINES[:2])
    plain = engine.recognize([page], PLAIN, Run())
    worded = engine.recognize([page], WORDS, Run())
    assert all(line.words for line in worded[0].lines)
    assert engine.recognize([page], PLAIN, Run()) == plain


def test_words_say_what_their_line_says_and_lie_on_it(engine: PaddleEngine) -> None:
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
def test_a_page_without_text_is_an_empty_result(engine: PaddleEngine, page: Page) -> None:
    (result,) = engine.recognize([page], WORDS, Run())
    assert result.lines == ()
    assert (result.height, result.width) == page.shape[:2]


def test_threads_do_not_change_the_text(engine: PaddleEngine) -> None:
    page = written(*LINES)
    texts = [text_of(engine, page, threads) for threads in (1, 2, 64)]
    assert texts == [list(LINES)] * 3


@pytest.mark.parametrize("error", [CallerLeft("gone"), PageTooComplex("late")])
def test_a_checkpoint_that_raises_ends_the_call_and_spares_the_engine(
    engine: PaddleEngine, error: Exception
) -> None:
    calls = 0

    def checkpoint() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise error

    page = written(*LINES)
    with pytest.raises(type(error)):
        engine.recognize([page], PLAIN, Run(2, checkpoint))
    assert text_of(engine, page) == list(LINES)


def test_the_checkpoint_is_called_between_detection_and_each_line(engine: PaddleEngine) -> None:
    calls: list[int] = []
    engine.recognize([written(*LINES)], PLAIN, Run(1, lambda: calls.append(1)))
    assert len(calls) > len(LINES)


def test_the_engine_says_what_it_is(engine: PaddleEngine) -> None:
    info = engine.info
    assert {"zh", "en", "ja", "de"} <= set(info.languages)
    assert info.details["runtime"] == "onnxruntime"
    assert info.details["text_recognition"] == "PP-OCRv6_small_rec"
    assert len(info.model_digest) == 32


@pytest.fixture(scope="module")
def turning(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaddleEngine]:
    """With a model that knows by a dark corner how a page was turned."""
    root = tmp_path_factory.mktemp("turning")
    (root / "paddle").mkdir()
    for folder in (models / "paddle").iterdir():
        (root / "paddle" / folder.name).symlink_to(folder)
    corner_model(root / "paddle" / "PP-LCNet_x1_0_doc_ori")
    paddle = PaddleEngine(model_path=str(root))
    yield paddle
    paddle.close()


def marked(*lines: str) -> Page:
    page = written(*lines)
    page[:20, :200] = 0
    return page


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_turned_page_reads_the_same_and_says_how_it_was_turned(
    turning: PaddleEngine, turn: int
) -> None:
    upright = marked(*LINES)
    # numpy turns to the left.
    page = np.ascontiguousarray(np.rot90(upright, -turn // 90))
    (result,) = turning.recognize([page], PLAIN, Run())
    assert [line.text for line in result.lines] == list(LINES)
    assert result.rotation_deg == (360 - turn) % 360
    assert (result.height, result.width) == upright.shape[:2]
    tops = [line.polygon[0][1] for line in result.lines]
    assert tops == pytest.approx([45 + 70 * i for i in range(len(LINES))], abs=15)


def test_a_turned_page_stays_turned_when_rotation_is_off(turning: PaddleEngine) -> None:
    page = np.ascontiguousarray(np.rot90(marked(*LINES), 2))
    (result,) = turning.recognize([page], OcrOptions(rotation=False), Run())
    assert result.rotation_deg == 0


def test_lines_of_an_unwarped_page_claim_no_place_on_it(models: Path, tmp_path: Path) -> None:
    (tmp_path / "paddle").mkdir()
    for folder in (models / "paddle").iterdir():
        (tmp_path / "paddle" / folder.name).symlink_to(folder)
    flat_model(tmp_path / "paddle" / "UVDoc")
    engine = PaddleEngine(model_path=str(tmp_path))
    (result,) = engine.recognize([written(*LINES)], WORDS, Run())
    assert [line.text for line in result.lines] == list(LINES)
    whole = ((0.0, 0.0), (900.0, 0.0), (900.0, 340.0), (0.0, 340.0))
    assert {(line.polygon, line.polygon_source) for line in result.lines} == {(whole, "page")}
    engine.close()


def test_structure_gives_blocks_in_reading_order_with_their_lines(
    models: Path, tmp_path: Path
) -> None:
    (tmp_path / "paddle").mkdir()
    for folder in (models / "paddle").iterdir():
        (tmp_path / "paddle" / folder.name).symlink_to(folder)
    layout_model(
        tmp_path / "paddle" / "PP-DocLayout_plus-L",
        ("doc_title", 20, 30, 880, 95),
        ("text", 20, 105, 880, 320),
    )
    engine = PaddleEngine(model_path=str(tmp_path))
    (result,) = engine.recognize([written(*LINES)], OcrOptions(structure=True, words=True), Run())
    assert [line.text for line in result.lines] == list(LINES)
    assert [(block.kind, block.lines) for block in result.blocks] == [
        ("title", (0,)),
        ("text", (1, 2, 3)),
    ]
    words = [[word.text for word in line.words or ()] for line in result.lines]
    assert words == [line.split() for line in LINES]
    assert engine.recognize([written(*LINES)], PLAIN, Run())[0].blocks == ()
    engine.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "PP-OCRv6_medium_det.*maoocr models paddle"),
        ({"runtime": "tensorrt"}, "no runtime 'tensorrt'"),
        ({"models": {"text_detection": "PP-OCRv9_det"}}, "paddle has no folder PP-OCRv9_det"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_sentence(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(EngineUnavailable, match=message):
        PaddleEngine(model_path=str(tmp_path), **options)


def test_models_that_are_none_are_said_in_a_sentence(tmp_path: Path) -> None:
    lay_out("small", tmp_path)
    (tmp_path / "paddle" / "PP-OCRv6_small_rec" / "inference.onnx").write_bytes(b"no network")
    with pytest.raises(EngineUnavailable, match=r"cannot load its models .*PP-OCRv6_small_rec"):
        PaddleEngine(model_path=str(tmp_path))
