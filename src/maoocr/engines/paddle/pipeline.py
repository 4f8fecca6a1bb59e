"""PaddleOCR's pipelines, made of the models that are there, and interrupted between their steps.

Nothing in them is safe to share: four threads on one native instance gave `Tensor holds no memory`
in 23 of 24 calls. A lane has its own, and one thread that uses it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import EngineFault, EngineUnavailable, MaoOCRError
from .models import ModelSet
from .package import Package

__all__ = ["Pipeline", "open_ocr", "open_structure"]

Found = Mapping[str, Any]
"""A result as PaddleOCR gives it."""

OCR_PARTS = ("text_detection", "text_recognition", "textline_orientation")
PAGE_PARTS = ("doc_orientation_classify", "doc_unwarping")
TABLE_PARTS = (
    "table_classification",
    "wired_table_structure_recognition",
    "wireless_table_structure_recognition",
    "wired_table_cells_detection",
    "wireless_table_cells_detection",
)

_checkpoint: ContextVar[Callable[[], None]] = ContextVar("checkpoint", default=lambda: None)


class Pipeline:
    """One of PaddleOCR's pipelines; used by one thread."""

    def __init__(self, pipeline: Any, constant: Mapping[str, Any], parts: frozenset[str]) -> None:
        self._pipeline = pipeline
        self._constant = constant
        self._parts = parts
        _interrupt(pipeline.paddlex_pipeline, set())

    def predict(
        self, image: NDArray[np.uint8], checkpoint: Callable[[], None], **options: Any
    ) -> Found:
        """What it finds on an image of BGR, shape (H, W, 3).

        Raises:
            EngineFault: it failed.
            MaoOCRError: whatever `checkpoint` raised.
        """
        with _checked_by(checkpoint):
            try:
                (found,) = self._pipeline.predict(image, **self._constant, **options)
            except (MaoOCRError, MemoryError):
                raise
            except Exception as error:
                raise EngineFault(f"PaddleOCR failed over this page: {_short(error)}.") from error
        if "error" in found:
            raise EngineFault(f"PaddleOCR refused its own options: {found['error']}.")
        return dict(found)

    def has(self, part: str) -> bool:
        """Whether the pipeline was made with a model for that part."""
        return part in self._parts

    def find_words(self) -> None:
        """Let PP-StructureV3, which has no option for it, find words as well, from now on."""
        self._pipeline.paddlex_pipeline.general_ocr_pipeline.__dict__[
            "_pipeline"
        ].return_word_box = True

    def close(self) -> None:
        """Free it."""
        self._pipeline.close()


def open_ocr(package: Package, models: ModelSet, threads: int, max_side_px: int) -> Pipeline:
    """Detection and recognition, with what else there is for single lines and whole pages.

    Raises:
        EngineUnavailable: PaddleOCR does not take the models.
    """
    there = frozenset(models.parts)
    return _open(
        package,
        "PaddleOCR",
        models,
        there,
        threads,
        {**_detection(max_side_px)},
        models.arguments(*OCR_PARTS, *PAGE_PARTS),
        use_textline_orientation="textline_orientation" in there,
    )


def open_structure(package: Package, models: ModelSet, threads: int, max_side_px: int) -> Pipeline:
    """PP-StructureV3: blocks, and tables and formulas where their models are there.

    Raises:
        EngineUnavailable: PaddleOCR does not take the models.
    """
    there = frozenset(models.parts)
    with_tables = there.issuperset(TABLE_PARTS)
    parts = ("layout_detection", "region_detection", "formula_recognition")
    tables = TABLE_PARTS if with_tables else ()
    structure = _open(
        package,
        "PPStructureV3",
        models,
        there,
        threads,
        {**_detection(max_side_px), "use_table_orientation_classify": False},
        models.arguments(*OCR_PARTS, *PAGE_PARTS, *parts, *tables),
        use_textline_orientation="textline_orientation" in there,
        use_seal_recognition=False,
        use_table_recognition=with_tables,
        use_formula_recognition="formula_recognition" in there,
        use_chart_recognition=False,
        use_region_detection="region_detection" in there,
    )
    structure.find_words()
    return structure


def _detection(max_side_px: int) -> dict[str, Any]:
    # By its own default PaddleOCR looks at up to 4000 px a side: 15 s and 2 GiB for a page of A4.
    return {"text_det_limit_side_len": max_side_px, "text_det_limit_type": "max"}


def _open(
    package: Package,
    name: str,
    models: ModelSet,
    there: frozenset[str],
    threads: int,
    constant: Mapping[str, Any],
    folders: Mapping[str, str],
    **uses: bool,
) -> Pipeline:
    try:
        pipeline = package.build(
            name,
            **folders,
            **_runtime(models, threads),
            **uses,
            device="cpu",
            use_doc_orientation_classify="doc_orientation_classify" in there,
            use_doc_unwarping="doc_unwarping" in there,
        )
    except MaoOCRError:
        raise
    except Exception as error:
        raise EngineUnavailable(
            f"PaddleOCR cannot load its models ({', '.join(m.name for m in models.parts.values())})"
            f": {_short(error)}."
        ) from error
    return Pipeline(pipeline, constant, there)


def _runtime(models: ModelSet, threads: int) -> dict[str, Any]:
    if models.runtime == "paddle":
        return {"engine": "paddle_static", "cpu_threads": threads}
    # The arena keeps what the largest page took for the life of the lane.
    config = {
        "intra_op_num_threads": threads,
        "inter_op_num_threads": 1,
        "enable_cpu_mem_arena": False,
        "providers": ["CPUExecutionProvider"],
    }
    return {"engine": "onnxruntime", "engine_config": config}


def _short(error: BaseException) -> str:
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {str(cause).strip()[:200]}".rstrip(".: ")


@contextmanager
def _checked_by(checkpoint: Callable[[], None]) -> Iterator[None]:
    token = _checkpoint.set(checkpoint)
    try:
        yield
    finally:
        _checkpoint.reset(token)


class _Interrupted:
    """A model of a pipeline that asks before each batch whether to go on."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        _checkpoint.get()()
        for item in self._model(*args, **kwargs):
            yield item
            _checkpoint.get()()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _interrupt(pipeline: Any, seen: set[int]) -> None:
    """Put `_Interrupted` around every model of a pipeline and of those inside it."""
    inner = vars(pipeline).get("_pipeline", pipeline)
    if id(inner) in seen:
        return
    seen.add(id(inner))
    for name, value in list(vars(inner).items()):
        if name.endswith("_model") and callable(value):
            setattr(inner, name, _Interrupted(value))
        elif name.endswith("_pipeline") and hasattr(value, "predict"):
            _interrupt(value, seen)
