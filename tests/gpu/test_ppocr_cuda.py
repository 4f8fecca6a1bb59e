"""The PP-OCR engine on a CUDA device: the same text as on a processor, in batches of any size."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maoocr.domain import OcrOptions
from maoocr.engines.base import PageImage, Run
from maoocr.engines.ppocr import PpocrEngine

pytestmark = pytest.mark.gpu

SAMPLE = Path(__file__).parents[2] / "docs/samples/receipt.jpg"


@pytest.fixture(scope="module")
def page() -> PageImage:
    return np.asarray(Image.open(SAMPLE).convert("RGB"))


@pytest.fixture(scope="module")
def cuda() -> PpocrEngine:
    return PpocrEngine(device="cuda:0", max_batch_pages=8)


def texts(engine: PpocrEngine, pages: list[PageImage]) -> list[str]:
    found = engine.recognize(pages, OcrOptions(), Run())
    return ["\n".join(line.text for line in page.lines) for page in found]


def test_the_device_reads_what_the_processor_reads(cuda: PpocrEngine, page: PageImage) -> None:
    processor = PpocrEngine(device="cpu", precision="f32")
    assert texts(cuda, [page]) == texts(processor, [page])


@pytest.mark.parametrize("size", [2, 8])
def test_a_page_reads_the_same_in_a_batch(cuda: PpocrEngine, page: PageImage, size: int) -> None:
    pages = [np.ascontiguousarray(page[number * 7 :]) for number in range(size)]
    assert texts(cuda, pages) == [texts(cuda, [one])[0] for one in pages]


def test_the_engine_says_where_it_runs(cuda: PpocrEngine) -> None:
    assert cuda.info.details["device"] == "cuda:0"
