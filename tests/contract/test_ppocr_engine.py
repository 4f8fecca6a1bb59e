"""What PP-OCR does beyond what every engine owes its lane."""

from typing import Any

import cv2
import numpy as np
import pytest

from maoocr.domain import OcrOptions
from maoocr.engines.base import Run
from maoocr.engines.ppocr import PpocrEngine
from maoocr.engines.ppocr.engine import LANGUAGES
from maoocr.engines.ppocr.geometry import turn_image
from maoocr.errors import EngineUnavailable
from tests.fakes.written_pages import LINES, Page, written

PLAIN = OcrOptions()

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def engine(ppocr_engine: PpocrEngine) -> PpocrEngine:
    return ppocr_engine


def text_of(engine: PpocrEngine, page: Page) -> list[str]:
    (result,) = engine.recognize([page], PLAIN, Run())
    return [line.text for line in result.lines]


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
