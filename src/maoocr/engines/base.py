"""The waist between scheduling and engines: types and one Protocol, nothing else.

An engine is a pure function of (pages, options): nothing of a call outlives it. It is built and
used in one process (a lane) by one thread, so it need not be thread-safe; it knows no queue, no
socket and no file but its own models.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..domain import Block, OcrOptions, PageFlag, Spent, TextLine

__all__ = [
    "Checkpoint",
    "Engine",
    "EngineInfo",
    "EngineSpec",
    "PageImage",
    "PageText",
    "Run",
    "Threads",
    "fixed_threads",
]

PageImage = NDArray[np.uint8]
"""RGB, shape (H, W, 3), EXIF orientation already applied."""

Checkpoint = Callable[[], None]
"""To be called between steps; raises where the call should end."""

Threads = Callable[[], int]
"""How many threads may be busy now, at least 1; another number as other lanes come and go."""


def fixed_threads(count: int) -> Threads:
    """So many all the while."""
    return lambda: count


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How a lane builds an engine; crosses the process boundary as JSON.

    Attributes:
        name: what callers and metrics call it.
        factory: `module:callable`; a module that begins with a dot is relative to `engines`.
        options: keyword arguments of the factory, JSON values only.
        max_batch_pages: pages that one call may hold; 1 on a CPU, where batches gain nothing.
        device: `cpu`, `cuda:N` (one lane per device), or `remote` for lanes that use no core here.
        lanes: on a CPU or remote; 0 takes as many as the pool is set to.
        page_seconds: that reading one page may take; 0 for the limit of the settings.
    """

    name: str
    factory: str
    options: Mapping[str, Any] = field(default_factory=dict)
    max_batch_pages: int = 1
    device: str = "cpu"
    lanes: int = 0
    page_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says of itself once it is loaded.

    Attributes:
        model_digest: changes whenever the models or the code change an answer; part of cache keys.
        languages: BCP 47 primary tags that it reads.
        details: for operators (`precision`, `tier`, runtime version); strings only.
    """

    name: str
    model_digest: str
    languages: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """What a call may use of the machine, and how it learns that it should stop.

    Attributes:
        threads: that the call may keep busy now, to be asked as often as there is a choice.
        checkpoint: to be called at least every few hundred milliseconds; raises CallerLeft when
            nobody waits any more and PageTooComplex when the page's time is up.
    """

    threads: Threads = lambda: 1
    checkpoint: Checkpoint = lambda: None


@dataclass(frozen=True, slots=True)
class PageText:
    """What an engine read on one page; frame and order as in `domain`.

    Attributes:
        width: of the upright page, in pixels of the image as given (sides swapped for 90 and 270).
        height: likewise.
        rotation_deg: clockwise turn (0, 90, 180, 270) that made the image upright.
        lines: in reading order; empty when there is no text.
        blocks: in reading order; empty where the engine knows no structure.
        flags: as in `PageResult`.
        spent: at endpoints, where any was asked.
    """

    width: int
    height: int
    rotation_deg: int = 0
    lines: tuple[TextLine, ...] = ()
    blocks: tuple[Block, ...] = ()
    flags: tuple[PageFlag, ...] = ()
    spent: Spent | None = None


class Engine(Protocol):
    """Reads the text of pages."""

    @property
    def info(self) -> EngineInfo:
        """Valid once the constructor returned; the constructor loads and warms the models."""

    def recognize(
        self, pages: Sequence[PageImage], options: OcrOptions, run: Run
    ) -> list[PageText]:
        """Read the text of each page.

        Args:
            pages: sizes may differ within a call. Read-only: the caller may use the arrays again.
            options: the same for all pages of a call.
            run: threads and checkpoint of this call.

        Returns:
            One result per page, in the same order.

        Raises:
            EngineFault: the runtime failed; the engine may be used again.
            MaoOCRError: whatever `run.checkpoint` raised.
        """

    def close(self) -> None:
        """Free what the engine holds; it is not used afterwards."""
