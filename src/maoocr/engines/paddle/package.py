"""The `paddleocr` package: imported without a hub, and beside the one OpenCV that is here.

PaddleOCR 3.x asks for its dependencies by the names of their distributions, and knows OpenCV only
as `opencv-contrib-python`. Installed as well, that one would write over the files of the headless
OpenCV; nothing of the pipelines that are used here needs what it adds.
"""

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module, metadata
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2

from ...errors import EngineUnavailable

__all__ = ["Package", "open_package"]

HUBS = {
    "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "True",
    "PADDLE_PDX_MODEL_SOURCE": "bos",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""What keeps PaddleX and the hubs' clients, which it imports, from asking anyone anything."""
CACHES = ("PADDLE_PDX_CACHE_HOME", "HF_HOME", "MODELSCOPE_CACHE", "AISTUDIO_CACHE_HOME")
LOGGERS = ("paddlex", "paddleocr", "modelscope", "ppocr")


class Package:
    """The imported package."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self.versions: Mapping[str, str] = {
            name: metadata.version(name) for name in ("paddleocr", "paddlex")
        }

    def build(self, pipeline: str, **arguments: Any) -> Any:
        """A pipeline of the package, for example `PaddleOCR`."""
        with _surroundings():
            return getattr(self._module, pipeline)(**arguments)


def open_package() -> Package:
    """Import it; takes some seconds the first time.

    Raises:
        EngineUnavailable: it is not installed, or not whole.
    """
    try:
        with _surroundings():
            module = import_module("paddleocr")
            models = import_module("paddlex.inference.models")
    except ImportError as error:
        raise EngineUnavailable(
            "The engine paddle needs the package paddleocr, which is not installed"
            f" ({error}); scripts/install --paddle installs it."
        ) from error
    models.__dict__["official_models"] = _NoHub()
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    return Package(module)


class _NoHub:
    """Stands where PaddleX fetches models that it was not given."""

    def get_model_path(self, model_name: str, **_: Any) -> Path:
        raise EngineUnavailable(
            f"PaddleOCR asks for the model {model_name}, which is not in MODEL_PATH."
        )

    __getitem__ = get_model_path

    def __contains__(self, model_name: object) -> bool:
        return False


class _OpenCv(Distribution):
    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        return f"Metadata-Version: 2.1\nName: opencv-contrib-python\nVersion: {cv2.__version__}\n"

    def locate_file(self, path: Any) -> Any:
        return Path(cv2.__file__).parents[1] / path


class _OpenCvFinder(DistributionFinder):
    """Says that the OpenCV which is installed is the one that PaddleX asks for."""

    def find_spec(self, *_: Any) -> None:
        return None

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterable[Distribution]:
        asked = context.name if context is not None else None
        return [_OpenCv()] if asked in {"opencv-contrib-python", "opencv_contrib_python"} else []


@contextmanager
def _surroundings() -> Iterator[None]:
    """What is read while the package is imported and its pipelines are made, and put back after."""
    finder = _OpenCvFinder()
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="maoocr-paddle-") as empty, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.environ.update(HUBS, **dict.fromkeys(CACHES, empty))
        sys.meta_path.append(finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)
            _restore(before)


def _restore(before: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)
