"""What the pool needs of a lane: somebody who reads one batch at a time.

Nothing here knows a process, a pipe or a path, so that an actor on another machine, or a semaphore
before a remote engine, is a lane as well.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ..domain import PageResult
from ..engines.base import EngineInfo, EngineSpec
from ..errors import MaoOCRError
from .tickets import PageTask

__all__ = [
    "Lane",
    "LaneEnd",
    "LaneLost",
    "LaneNotStarted",
    "LaneVitals",
    "Launch",
    "OnPage",
]

LaneEnd = Literal["crash", "killed", "hang", "memory", "recycle", "unloaded", "closed"]
"""Why a lane ended. `killed` is a signal from outside, `unloaded` that its memory is wanted back,
`closed` the end of the pool."""


class LaneLost(Exception):
    """The lane ended before its batch did.

    Attributes:
        end: why.
        is_suspect: the page may be to blame; False when somebody outside killed the lane.
    """

    def __init__(self, end: LaneEnd, *, is_suspect: bool) -> None:
        super().__init__(f"the lane ended: {end}")
        self.end = end
        self.is_suspect = is_suspect


class LaneNotStarted(Exception):
    """The engine could not be built; the text is for operators.

    Attributes:
        reason: a sentence that a caller may see.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LaneVitals:
    """How a lane feels after a batch.

    Attributes:
        rss_bytes: its resident memory; 0 where that means nothing.
        wants_replacing: it should get no further batch.
    """

    rss_bytes: int = 0
    wants_replacing: Literal["memory"] | None = None


OnPage = Callable[[int, PageResult | MaoOCRError], None]
"""Hears the outcome of one page of a batch; at most once for each index."""


class Lane(Protocol):
    """One engine with its own decoder; reads one batch at a time."""

    @property
    def info(self) -> EngineInfo:
        """Of the loaded engine."""

    @property
    def pid(self) -> int | None:
        """Process number, where it is a process of this machine."""

    def share(self, threads: int) -> None:
        """So many threads it may use from now on, in the batch that it reads too."""

    async def read(self, tasks: Sequence[PageTask], on_page: OnPage) -> LaneVitals:
        """Read a batch; `on_page` has heard of every page when this returns.

        Raises:
            LaneLost: the lane is gone; pages that `on_page` did not hear of were not read.
        """

    def cancel(self, index: int) -> None:
        """Nobody waits for that page of the present batch; the others go on."""

    def stop(self, end: LaneEnd) -> None:
        """End in order, or by force soon after. Does not wait."""

    def kill(self, end: LaneEnd) -> None:
        """End at once. Does not wait."""

    async def gone(self) -> LaneEnd:
        """Wait until nothing is left of it; tells why it ended."""


class Launch(Protocol):
    """Starts a lane."""

    def __call__(self, spec: EngineSpec, slot: int) -> Awaitable[Lane]:
        """Start a lane and wait until its engine is warm.

        Raises:
            LaneNotStarted: the engine could not be built in time.
        """
