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
        UnknownEngine: `settings.engine` names none of them.
    """
    make = _ENGINES.get(settings.engine)
    if make is None:
        raise UnknownEngine(
            f"MAOOCR_ENGINE is {settings.engine!r}; there is {', '.join(_ENGINES)}."
        )
    return (make(settings, threads),)


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


def _fake(settings: "Settings", threads: int) -> EngineSpec:
    return EngineSpec("fake", ".fake:FakeEngine")


def _cuda_is_there() -> bool:
    """A device, and the build of ONNX Runtime that can use it; asks neither of them to load."""
    try:
        distribution("onnxruntime-gpu")
    except PackageNotFoundError:
        return False
    return any(Path("/dev").glob("nvidia[0-9]*"))


_ENGINES: dict[str, Callable[["Settings", int], EngineSpec]] = {"ppocr": _ppocr, "fake": _fake}
