"""What PaddleOCR does beyond what every engine owes its lane, with the weights of PP-OCR."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maoocr.domain import OcrOptions
from maoocr.engines.base import Run
from maoocr.engines.paddle import PaddleEngine
from maoocr.engines.paddle.folders import lay_out
from maoocr.errors import EngineUnavailable
from tests.fakes.onnx_graphs import corner_model, flat_model, layout_model
from tests.fakes.written_pages import LINE_PX, LINES, Page, written

PLAIN = OcrOptions()
WORDS = OcrOptions(words=True)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def engine(paddle_engine: PaddleEngine) -> PaddleEngine:
    return paddle_engine


@pytest.fixture(scope="module")
def models(paddle_models: Path) -> Path:
    return paddle_models


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
    assert tops == pytest.approx([45 + LINE_PX * i for i in range(len(LINES))], abs=15)


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
    whole = ((0.0, 0.0), (900.0, 0.0), (900.0, 480.0), (0.0, 480.0))
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
        ("text", 20, 105, 880, 460),
    )
    engine = PaddleEngine(model_path=str(tmp_path))
    (result,) = engine.recognize([written(*LINES)], OcrOptions(structure=True, words=True), Run())
    assert [line.text for line in result.lines] == list(LINES)
    assert [(block.kind, block.lines) for block in result.blocks] == [
        ("title", (0,)),
        ("text", (1, 2, 3, 4, 5)),
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
