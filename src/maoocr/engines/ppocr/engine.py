"""PP-OCR as an engine: detect, turn upright, recognize, put in order."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ...domain import OcrOptions, TextLine
from ..base import EngineInfo, PageImage, PageText, Run
from . import onnx_file, orientation
from .detection import Detector
from .geometry import Boxes, turn_boxes, turn_image
from .models import load_models
from .reading_order import reading_order
from .recognition import Reading, Recognizer
from .runtime import open_runtime
from .words import as_polygon, words_of

__all__ = ["PpocrEngine"]

PIPELINE_VERSION = "1"
"""Part of the digest: to be raised with every change of the code that changes an answer."""

MIN_LINE_SCORE = 0.5
DETECTION_PIXELS = 650_000

LANGUAGES = (
    "zh", "en", "ja", "af", "az", "bs", "cs", "cy", "da", "de", "es", "et", "eu", "fi", "fr", "ga", "gl",
    "hr", "hu", "id", "is", "it", "ku", "la", "lb", "lt", "lv", "mi", "ms", "mt", "nl", "no", "oc", "pl",
    "pt", "qu", "rm", "ro", "sk", "sl", "sq", "sv", "sw", "tl", "tr", "uz", "vi",
)  # fmt: skip


@dataclass(slots=True)
class _Found:
    """A page on its way: turned upright, with the boxes of its lines."""

    image: PageImage
    rotation_deg: int
    boxes: Boxes
    vertical: bool


class PpocrEngine:
    """Reads pages with the PP-OCR models of one tier."""

    def __init__(
        self,
        *,
        tier: str = "small",
        precision: str = "auto",
        device: str = "auto",
        model_path: str | None = None,
        threads: int = 1,
        max_batch_pages: int = 1,
        name: str = "ppocr",
    ) -> None:
        """Load and warm the models.

        Args:
            tier: `tiny`, `small`, `medium` or `server`; `small` is always there.
            precision: `bf16`, `f32`, or `auto` for what the processor is best at.
            device: `cpu`, `cuda:N`, or `auto`.
            model_path: folder with `ppocr/<tier>/{det,rec}.onnx`.
            threads: the most threads that a call may ever keep busy.
            max_batch_pages: pages that a call may bring; only tells operators.
            name: what the engine calls itself in its results.

        Raises:
            EngineUnavailable: the models, the device or the precision are not there.
        """
        cv2.setNumThreads(1)
        models = load_models(tier, model_path)
        runtime = open_runtime(device, precision, max(1, threads))
        self._threads = max(1, threads)
        self._detector = Detector(runtime.load(models.det, ()))
        best = (onnx_file.BEST_CLASS, onnx_file.BEST_PROBABILITY)
        recognizer = runtime.load(models.rec, best)
        self._recognizer = Recognizer(recognizer, models.charset, runtime.batch_images)
        details = {"tier": tier, **runtime.details, "max_batch_pages": str(max_batch_pages)}
        tag = f"{PIPELINE_VERSION} {runtime.details['precision']} {models.digest}"
        digest = hashlib.sha256(tag.encode()).hexdigest()[:32]
        self._name = name
        self._info = EngineInfo(name, digest, LANGUAGES, details)

    @property
    def info(self) -> EngineInfo:
        return self._info

    def close(self) -> None:
        """Nothing to do: the runtime frees its memory with the object."""

    def recognize(
        self, pages: Sequence[PageImage], options: OcrOptions, run: Run
    ) -> list[PageText]:
        found = [self._find(page, options, run) for page in pages]
        lines = [(f.image, box) for f in found for box in f.boxes]
        readings = self._read(lines, run)
        results, start = [], 0
        for f in found:
            end = start + len(f.boxes)
            results.append(self._page_text(f, readings[start:end], options))
            start = end
        return results

    def _read(self, lines: Sequence[tuple[PageImage, Boxes]], run: Run) -> list[Reading]:
        threads = max(1, min(run.threads, self._threads))
        return self._recognizer.read(lines, threads=threads, checkpoint=run.checkpoint)

    def _detect(self, page: PageImage, run: Run) -> Boxes:
        height, width = page.shape[:2]
        scale = min(1.0, (DETECTION_PIXELS / (height * width)) ** 0.5)
        threads = max(1, min(run.threads, self._threads))
        boxes, _ = self._detector.find(page, scale, threads=threads, checkpoint=run.checkpoint)
        return boxes

    def _find(self, page: PageImage, options: OcrOptions, run: Run) -> _Found:
        run.checkpoint()
        boxes = self._detect(page, run)
        if not len(boxes):
            return _Found(page, 0, boxes, False)
        turn = self._turn(page, boxes, run) if options.rotation else 0
        if turn:
            page = turn_image(page, turn)
            boxes = self._detect(page, run)
        vertical = orientation.is_sideways(boxes)
        tall = orientation.is_tall(boxes)
        boxes[tall] = orientation.turned_down(boxes[tall])
        return _Found(page, turn, boxes, vertical)

    def _turn(self, page: PageImage, boxes: Boxes, run: Run) -> int:
        """How far the page must be turned clockwise to be upright."""
        sideways = orientation.is_sideways(boxes)
        usual = orientation.is_tall(boxes) == sideways
        sample = boxes[usual]
        sample = sample[orientation.sample_lines(sample)]
        if sideways:
            first, second = orientation.turned_down(sample), orientation.turned_up(sample)
            turns = (270, 90)
        else:
            first, second = sample, orientation.turned_over(sample)
            turns = (0, 180)
        score = _mean_score(self._read([(page, b) for b in first], run))
        if not sideways and score >= orientation.SURE_SCORE:
            return 0
        other = _mean_score(self._read([(page, b) for b in second], run))
        if sideways and max(score, other) < orientation.SURE_SCORE:
            return 0
        if not sideways and other < max(score + 0.1, 0.7):
            return 0
        return turns[0] if score >= other else turns[1]

    def _page_text(
        self, found: _Found, readings: Sequence[Reading], options: OcrOptions
    ) -> PageText:
        kept = [i for i, r in enumerate(readings) if r.score >= MIN_LINE_SCORE and r.text.strip()]
        boxes = found.boxes[kept]
        lines = []
        for at in reading_order(boxes, vertical=found.vertical):
            reading, box = readings[kept[at]], boxes[at]
            words = words_of(reading.glyphs, box) if options.words else None
            score = min(1.0, reading.score)
            lines.append(TextLine(reading.text, score, as_polygon(box), self._name, words))
        height, width = found.image.shape[:2]
        return PageText(width, height, found.rotation_deg, tuple(lines))


def _mean_score(readings: Sequence[Reading]) -> float:
    glyphs = sum(len(r.glyphs) for r in readings)
    return sum(r.score * len(r.glyphs) for r in readings) / glyphs if glyphs else 0.0
