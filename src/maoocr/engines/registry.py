"""Which engines there are, and how one is built from its spec."""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..errors import EngineUnavailable, UnknownEngine
from .base import Engine, EngineSpec

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = ["build_engine", "engine_specs"]


def engine_specs(settings: "Settings", threads: int) -> tuple[EngineSpec, ...]:
    """The engines of this installation; the one that reads by default is the first.

    Args:
        settings: the whole tree.
        threads: the most that a lane will ever be told to use.

    Raises:
        UnknownEngine: `settings.engine` or `settings.extra_engines` names one that there is not.
    """
    extra = [name for part in settings.extra_engines.split(",") if (name := part.strip())]
    specs = {settings.engine: _spec("MAOOCR_ENGINE", settings.engine, settings, threads)}
    for name in extra:
        if name not in specs:
            specs[name] = _spec("MAOOCR_EXTRA_ENGINES", name, settings, threads)
    return tuple(specs.values())


def _spec(setting: str, name: str, settings: "Settings", threads: int) -> EngineSpec:
    make = _ENGINES.get(name)
    if make is None:
        raise UnknownEngine(f"{setting} is {name!r}; there is {', '.join(_ENGINES)}.")
    return make(settings, threads)


def build_engine(spec: EngineSpec) -> Engine:
    """Load the engine, in the process that will use it.

    Raises:
        EngineUnavailable: there is no such factory.
        MaoOCRError: what the factory raised; other exceptions of it pass as well.
    """
    module_name, _, name = spec.factory.partition(":")
    try:
        module = import_module(module_name, __package__)
        factory = cast(Callable[..., Engine], getattr(module, name))
    except (ImportError, AttributeError) as error:
        raise EngineUnavailable(
            f"The engine {spec.name} is not installed: {spec.factory} cannot be loaded ({error})."
        ) from error
    return factory(**spec.options)


def _ppocr(settings: "Settings", threads: int) -> EngineSpec:
    device = settings.ppocr.device
    if device == "auto":
        device = "cuda:0" if _cuda_is_there() else "cpu"
    elif device == "cuda":
        device = "cuda:0"
    batch = 1 if device == "cpu" else settings.ppocr.batch_pages
    options = {
        "tier": settings.ppocr.tier,
        "precision": settings.ppocr.precision,
        "device": device,
        "model_path": str(settings.model_path),
        "threads": threads,
        "max_batch_pages": batch,
    }
    return EngineSpec("ppocr", ".ppocr:PpocrEngine", options, batch, device)


def _paddle(settings: "Settings", threads: int) -> EngineSpec:
    paddle = settings.paddle
    structure = {} if paddle.structure else {"layout_detection": ""}
    models = {
        "text_detection": paddle.detection,
        "text_recognition": paddle.recognition,
        "textline_orientation": "auto" if paddle.textline_orientation else "",
        "doc_orientation_classify": "auto" if paddle.page_orientation else "",
        "doc_unwarping": "auto" if paddle.unwarping else "",
        **structure,
    }
    options = {
        "model_path": str(settings.model_path),
        "runtime": paddle.runtime,
        "models": models,
        "max_side_px": paddle.max_side_px,
        "threads": threads,
    }
    lanes = 0
    if settings.engine != "paddle" and paddle.lanes:
        lanes = max(1, paddle.lanes // settings.web_concurrency)
    return EngineSpec("paddle", ".paddle:PaddleEngine", options, lanes=lanes)


def _fake(settings: "Settings", threads: int) -> EngineSpec:
    return EngineSpec("fake", ".fake:FakeEngine")


def _cuda_is_there() -> bool:
    """A device, and the build of ONNX Runtime that can use it; asks neither of them to load."""
    try:
        distribution("onnxruntime-gpu")
    except PackageNotFoundError:
        return False
    return any(Path("/dev").glob("nvidia[0-9]*"))


_ENGINES: dict[str, Callable[["Settings", int], EngineSpec]] = {
    "ppocr": _ppocr,
    "paddle": _paddle,
    "fake": _fake,
}
