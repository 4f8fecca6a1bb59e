"""The path of devices that want batches, run on ONNX Runtime's CPU provider."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from maoocr.domain import OcrOptions
from maoocr.engines.base import Checkpoint, Run, Threads, fixed_threads
from maoocr.engines.ppocr import PpocrEngine
from maoocr.engines.ppocr.detection import Detector
from maoocr.engines.ppocr.models import ModelSet, load_models
from maoocr.engines.ppocr.onnx_runtime import OnnxRuntime
from maoocr.engines.ppocr.pages import PageReader
from maoocr.engines.ppocr.recognition import Recognizer
from maoocr.engines.ppocr.runtime import Images, Network, Outputs

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.integration

TEXTS = (
    ("Delivery note 4711", "Two boxes of paper", "Total weight 12.5 kg"),
    ("A page with one line",),
    (),
    ("Upside down it is hard", "to read what a page says", "unless somebody turns it"),
)


def written(lines: tuple[str, ...]) -> NDArray[np.uint8]:
    page = np.full((80 + 70 * len(lines), 760, 3), 255, np.uint8)
    for i, line in enumerate(lines):
        at = (40, 70 + 70 * i)
        cv2.putText(page, line, at, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 2, cv2.LINE_AA)
    return page


def pages() -> list[NDArray[np.uint8]]:
    upright = [written(lines) for lines in TEXTS]
    return [*upright[:3], np.ascontiguousarray(upright[3][::-1, ::-1])]


class Counted:
    """Passes batches on and remembers their shapes."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.shapes: list[tuple[int, ...]] = []

    def infer(
        self, batches: Iterable[Images], *, threads: Threads, checkpoint: Checkpoint
    ) -> list[Outputs]:
        def counted() -> Iterator[Images]:
            for batch in batches:
                self.shapes.append(batch.shape)
                yield batch

        return self.network.infer(counted(), threads=threads, checkpoint=checkpoint)


@pytest.fixture(scope="module")
def models() -> ModelSet:
    return load_models("small", None)


def test_pages_read_in_batches_say_what_they_say_alone(models: ModelSet) -> None:
    runtime = OnnxRuntime("CPUExecutionProvider", 0, threads=1)
    recognizing = Counted(runtime.load(models.rec, best_class=True))
    reader = PageReader(
        Detector(runtime.load(models.det), runtime.batch_images),
        Recognizer(recognizing, models.charset, runtime.batch_images),
        threads=fixed_threads(1),
        checkpoint=lambda: None,
    )
    together = reader.read(pages(), rotation=True)
    assert max(shape[0] for shape in recognizing.shapes) == runtime.batch_images

    alone = PpocrEngine(device="cpu", precision="f32").recognize(pages(), OcrOptions(), Run())
    for found, page, lines in zip(together, alone, TEXTS, strict=True):
        assert {line.reading.text for line in found.lines if line.reading} == set(lines)
        assert tuple(line.text for line in page.lines) == lines
        assert found.rotation_deg == page.rotation_deg


@pytest.mark.gpu
def test_a_cuda_device_reads_what_the_processor_reads() -> None:
    on_device = PpocrEngine(device="cuda:0").recognize(pages(), OcrOptions(), Run())
    assert [tuple(line.text for line in page.lines) for page in on_device] == list(TEXTS)
