"""PaddleOCR as an engine."""

import hashlib
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from ...domain import OcrOptions
from ..base import EngineInfo, PageImage, PageText, Run, fixed_threads
from ..layout.reading_order import reading_order
from .languages import languages_of
from .models import find_models
from .package import open_package
from .pages import around, frame_of, lines_of
from .pipeline import Pipeline, open_ocr, open_structure
from .structure import blocks_of

__all__ = ["PaddleEngine"]

PIPELINE_VERSION = "1"
"""Part of the digest: to be raised with every change of the code that changes an answer."""
MIN_SIDE_PX = 16
"""Smaller pictures hold no text, and some of PaddleOCR's arithmetic fails over them."""


class PaddleEngine:
    """Reads pages with PaddleOCR's own pipelines."""

    def __init__(
        self,
        *,
        model_path: str | None = None,
        runtime: str = "auto",
        models: Mapping[str, str] | None = None,
        max_side_px: int = 1280,
        threads: int = 1,
        name: str = "paddle",
    ) -> None:
        """Load and warm the models.

        Args:
            model_path: folder with `paddle/<model>/inference.yml` and the networks.
            runtime: `onnxruntime`, `paddle`, or `auto` for what the folders hold.
            models: by PaddleOCR's name of a part the model for it, `auto`, or nothing for none.
            max_side_px: longest side at which text is looked for.
            threads: the most threads that a call may ever keep busy.
            name: what the engine calls itself in its results.

        Raises:
            EngineUnavailable: the package or a model is not there.
        """
        cv2.setNumThreads(1)
        found = find_models(model_path, runtime=runtime, wanted=models)
        package = open_package()
        # A runtime keeps the number of threads that it was made with; beside busy lanes one is all.
        self._ocr = {
            count: open_ocr(package, found, count, max_side_px)
            for count in sorted({1, max(1, threads)})
        }
        self._structure: Pipeline | None = None
        if "layout_detection" in found.parts:
            self._structure = open_structure(package, found, max(1, threads), max_side_px)
        self._name = name
        self._turns = "doc_orientation_classify" in found.parts
        names = {part: model.name for part, model in found.parts.items()}
        details = {"runtime": found.runtime, **package.versions, **names}
        tag = f"{PIPELINE_VERSION} {max_side_px} {found.runtime} {package.versions} {found.digest}"
        digest = hashlib.sha256(tag.encode()).hexdigest()[:32]
        self._info = EngineInfo(name, digest, languages_of(names["text_recognition"]), details)
        self._warm()

    @property
    def info(self) -> EngineInfo:
        return self._info

    def close(self) -> None:
        for pipeline in (*self._ocr.values(), self._structure):
            if pipeline is not None:
                pipeline.close()

    def recognize(
        self, pages: Sequence[PageImage], options: OcrOptions, run: Run
    ) -> list[PageText]:
        return [self._read(page, options, run) for page in pages]

    def _read(self, page: PageImage, options: OcrOptions, run: Run) -> PageText:
        run.checkpoint()
        if min(page.shape[:2]) < MIN_SIDE_PX:
            return PageText(page.shape[1], page.shape[0])
        image = np.ascontiguousarray(page[:, :, ::-1])
        turn = self._turns and options.rotation
        if options.structure and self._structure is not None:
            return self._with_blocks(self._structure, image, options, run, turn)
        ocr = self._ocr[max(count for count in self._ocr if count <= max(1, run.threads()))]
        found = ocr.predict(
            image,
            run.checkpoint,
            use_doc_orientation_classify=turn,
            use_doc_unwarping=ocr.has("doc_unwarping"),
            return_word_box=options.words,
        )
        frame = frame_of(found, page.shape)
        lines, places = lines_of(found, frame, options, self._name)
        boxes = np.array([around(corners) for corners in places], np.float32).reshape(-1, 4, 2)
        ordered = tuple(lines[at] for at in reading_order(boxes))
        return PageText(frame.width, frame.height, frame.rotation_deg, ordered)

    def _with_blocks(
        self,
        structure: Pipeline,
        image: PageImage,
        options: OcrOptions,
        run: Run,
        turn: bool,
    ) -> PageText:
        found = structure.predict(
            image,
            run.checkpoint,
            use_doc_orientation_classify=turn,
            use_doc_unwarping=structure.has("doc_unwarping"),
        )
        frame = frame_of(found, image.shape)
        lines, blocks = blocks_of(found, frame, options, self._name)
        return PageText(frame.width, frame.height, frame.rotation_deg, tuple(lines), tuple(blocks))

    def _warm(self) -> None:
        page = np.full((96, 320, 3), 255, np.uint8)
        cv2.putText(page, "warm", (40, 64), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (0, 0, 0), 3)
        for threads in self._ocr:
            self._read(page, OcrOptions(), Run(fixed_threads(threads)))
