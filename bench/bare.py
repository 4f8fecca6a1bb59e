"""The bare model: the inference calls of our engine on the tensors of real pages, nothing else.

A recording process reads documents as a lane does, and writes down what goes into the networks. A
replaying process loads the same networks in the same way and runs the same calls.
"""

import hashlib
import pickle
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from .children import Handler

__all__ = ["Replay", "lane_options", "recorder", "replayer"]


@dataclass(frozen=True, slots=True)
class Replay:
    """Time of the inference calls of one document."""

    cpu_s: float
    wall_s: float
    calls: int
    tensors: int


def recorder(folder: Path, options: dict[str, Any]) -> Handler:
    """A handler that reads the document at a path and returns the file of what it recorded.

    Args:
        folder: where the recordings and a spool go.
        options: of the engine, as a lane has them.
    """
    from maoocr.documents.kinds import HEAD_BYTES, sniff
    from maoocr.documents.limits import DecodeLimits
    from maoocr.documents.sandbox import Decoder
    from maoocr.domain import OcrOptions
    from maoocr.engines.base import Run

    engine, networks = _engine_with(_Tap, options)
    decoder = Decoder(folder, DecodeLimits())

    def record(path: Path) -> Path:
        data = path.read_bytes()
        name = hashlib.sha256(data).hexdigest()
        spooled = folder / name
        spooled.write_bytes(data)
        kind = sniff(data[:HEAD_BYTES])
        calls: list[tuple[int, list[Any]]] = []
        for network in networks:
            network.calls = calls
        for number in range(1, decoder.probe(name, kind).pages_total + 1):
            page = decoder.page(name, kind, number, OcrOptions())
            if page.image is not None:
                engine.recognize([page.image], OcrOptions(), Run())
        spooled.unlink()
        recording = folder / f"{name}.calls"
        with recording.open("wb") as out:
            pickle.dump(calls, out, protocol=5)
        return recording

    return record


def replayer(options: dict[str, Any]) -> Handler:
    """A handler that runs a recording; reading it from the disk is not counted."""
    from maoocr.engines.base import fixed_threads

    _, networks = _engine_with(_Bare, options)

    def replay(recording: Path) -> Replay:
        with recording.open("rb") as file:
            calls: list[tuple[int, list[Any]]] = pickle.load(file)
        cpu, wall = time.process_time(), time.perf_counter()
        for number, batches in calls:
            networks[number].inner.infer(batches, threads=fixed_threads(1), checkpoint=_nothing)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        return Replay(cpu, wall, len(calls), sum(len(batches) for _, batches in calls))

    return replay


def lane_options() -> dict[str, Any]:
    """The engine's options in a lane of a server on this machine."""
    from maoocr.engines.registry import engine_specs
    from maoocr.settings import Settings

    return dict(engine_specs(Settings(), 1)[0].options)


class _Bare:
    """A network, known by its number in the order of loading."""

    def __init__(self, inner: Any, number: int) -> None:
        self.inner = inner
        self.number = number
        self.calls: list[tuple[int, list[Any]]] = []

    def infer(
        self, batches: Iterable[Any], *, threads: Callable[[], int], checkpoint: Callable[[], None]
    ) -> list[Any]:
        found: list[Any] = self.inner.infer(batches, threads=threads, checkpoint=checkpoint)
        return found


class _Tap(_Bare):
    """Writes down what goes in."""

    def infer(
        self, batches: Iterable[Any], *, threads: Callable[[], int], checkpoint: Callable[[], None]
    ) -> list[Any]:
        kept = [batch.copy() for batch in batches]
        self.calls.append((self.number, kept))
        return super().infer(kept, threads=threads, checkpoint=checkpoint)


def _engine_with(wrap: type[_Bare], options: dict[str, Any]) -> tuple[Any, list[_Bare]]:
    """An engine all of whose networks are wrapped, and the networks in the order of loading."""
    from maoocr.engines.ppocr import engine as module

    networks: list[_Bare] = []
    open_runtime: Callable[..., Any] = vars(module)["open_runtime"]

    def opened(*arguments: Any) -> Any:
        runtime = open_runtime(*arguments)
        load = runtime.load

        def loaded(*given: Any, **named: Any) -> _Bare:
            networks.append(wrap(load(*given, **named), len(networks)))
            return networks[-1]

        runtime.load = loaded
        return runtime

    with patch.object(module, "open_runtime", opened):
        return module.PpocrEngine(**options), networks


def _nothing() -> None:
    """The checkpoint of a call that nobody stops."""
