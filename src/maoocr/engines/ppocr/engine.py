"""PP-OCR as an engine: detect, turn upright, recognize, put in order."""

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np

from ...domain import OcrOptions, TextLine
from ..base import EngineInfo, PageImage, PageText, Run
from ..layout.reading_order import reading_order
from .ctc import NOTHING, Reading
from .detection import Detector
from .devices import open_runtime
from .models import load_models
from .pages import FoundPage, PageReader
from .recognition import Recognizer
from .words import as_polygon, words_of

__all__ = ["PpocrEngine"]

PIPELINE_VERSION = "1"
"""Part of the digest: to be raised with every change of the code that changes an answer."""

MIN_SCORES = (0.75, 0.65, 0.5)
"""Least score of a line of one, two, and more glyphs: marks and textures are read as one or two."""

LANGUAGES = (
    *(
        "zh",
        "en",
        "ja",
        "af",
        "az",
        "bs",
        "cs",
        "cy",
        "da",
        "de",
        "es",
        "et",
        "eu",
        "fi",
        "fr",
        "ga",
    ),
    *(
        "gl",
        "hr",
        "hu",
        "id",
        "is",
        "it",
        "ku",
        "la",
        "lb",
        "lt",
        "lv",
        "mi",
        "ms",
        "mt",
        "nl",
        "no",
    ),
    *("oc", "pl", "pt", "qu", "rm", "ro", "sk", "sl", "sq", "sv", "sw", "tl", "tr", "uz", "vi"),
)


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
        self._detector = Detector(runtime.load(models.det), runtime.batch_images)
        recognizer = runtime.load(models.rec, best_class=True)
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

        def threads() -> int:
            return max(1, min(run.threads(), self._threads))

        reader = PageReader(self._detector, self._recognizer, threads, run.checkpoint)
        found = reader.read(pages, rotation=options.rotation)
        return [self._page_text(page, options) for page in found]

    def _page_text(self, page: FoundPage, options: OcrOptions) -> PageText:
        kept = [line for line in page.lines if line.reading and _is_text(line.reading)]
        boxes = np.array([line.crop.box for line in kept], dtype=np.float32).reshape(-1, 4, 2)
        lines = []
        for at in reading_order(boxes, vertical=page.vertical):
            reading, box = kept[at].reading or NOTHING, boxes[at]
            words = words_of(reading.glyphs, box) if options.words else None
            score = min(1.0, reading.score)
            lines.append(TextLine(reading.text, score, as_polygon(box), self._name, words))
        height, width = page.image.shape[:2]
        return PageText(width, height, page.rotation_deg, tuple(lines))


def _is_text(reading: Reading) -> bool:
    glyphs = sum(not glyph.text.isspace() for glyph in reading.glyphs)
    return glyphs > 0 and reading.score >= MIN_SCORES[min(glyphs, len(MIN_SCORES)) - 1]
