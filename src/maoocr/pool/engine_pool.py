"""One engine: its gate, its queue, its lanes, and the tasks that run them."""

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..engines.base import EngineInfo, EngineSpec
from ..errors import Conflict, EngineUnavailable, MaoOCRError, ShuttingDown
from ..settings import Settings
from ..telemetry.metrics import Metrics
from .admission import Admission
from .batch_run import LaneTimes
from .cores import CoreShare
from .figures import Figures
from .gate import Gate, Place
from .idleness import Idleness
from .lanes import Launch
from .pace import PaceNow
from .queue import BatchPolicy
from .scheduler import Scheduler
from .supervisor import LaneStatus, RecycleRules, Supervisor

__all__ = ["EnginePool", "EngineStatus", "shutting_down"]

log = logging.getLogger(__name__)

SLACK_SECONDS = 5.0
"""What a lane may take longer than a page's limit, or go on after a cancel, until it is killed."""
DOCUMENTS_PER_LANE = 32
"""That may be in work or waiting, for each page that the lanes can have in work."""
WINDOW_BATCHES = 2
"""Batches for each lane that one document may have queued or in work."""
BACKGROUND = "\0background"
"""The client that all work in the background takes its turns as."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """One engine at one moment.

    Attributes:
        info: what it said of itself when it was last loaded; None until then.
        queue_pages: that wait for a lane.
        documents: in work or waiting.
        seconds_per_page: of one lane, a running mean.
        restarts: ended lanes by reason since the start.
        ready: it takes documents and has a lane to read them.
        failure: why it is not ready, where that is known; for operators.
        unloaded: why its lanes have ended until it is needed, as a sentence; None while it is to
            be up.
    """

    info: EngineInfo | None
    lanes: tuple[LaneStatus, ...]
    queue_pages: int
    documents: int
    seconds_per_page: float
    restarts: Mapping[str, int]
    ready: bool
    failure: str | None
    unloaded: str | None = None


class EnginePool:
    """Everything that serves one engine."""

    def __init__(
        self,
        specs: Sequence[EngineSpec],
        settings: Settings,
        metrics: Metrics,
        launch: Launch,
        cores: CoreShare,
        *,
        idle_seconds: float = 0.0,
    ) -> None:
        """Make it; nothing runs yet.

        Args:
            specs: one for each lane, all of one engine.
            settings: limits and pool settings.
            metrics: of this gateway process.
            launch: starts a lane.
            cores: shared with the other engines.
            idle_seconds: after which its lanes end until they are needed; 0 never.
        """
        self._name = specs[0].name
        pool = settings.pool
        page_seconds = specs[0].page_seconds or settings.limits.page_seconds
        at_once = len(specs) * specs[0].max_batch_pages
        self._figures = Figures(self._name, metrics)
        self._supervisor = Supervisor(
            specs,
            launch,
            RecycleRules(pool.recycle_pages, pool.lane_rss_bytes, pool.backoff_max_seconds),
            on_change=self._lanes_changed,
            on_end=self._figures.lane_ended,
        )
        self._scheduler = Scheduler(
            self._name,
            self._supervisor,
            self._figures,
            policy=BatchPolicy(specs[0].max_batch_pages),
            times=LaneTimes(page_seconds, slack_seconds=min(SLACK_SECONDS, page_seconds)),
            cores=cores,
        )
        self.gate = Gate(
            max_documents=pool.max_documents or DOCUMENTS_PER_LANE * at_once,
            max_queue_seconds=pool.max_queue_seconds,
            seconds_per_page=self._drain_seconds,
            on_change=self._figures.documents,
        )
        self._window = WINDOW_BATCHES * at_once
        self._batch_pages = specs[0].max_batch_pages
        self._tasks: list[asyncio.Task[None]] = []
        self._fault: str | None = None
        self._unloaded = ""
        self._idleness = Idleness(idle_seconds, self._is_busy, self._idle_for_long)
        self._idle_seconds = idle_seconds
        self.decided = asyncio.Event()
        """Set once a lane is up, or one could not be started."""

    def start(self) -> None:
        """Start the lanes and the scheduler; returns at once."""
        for run, what in ((self._supervisor.run, "supervisor"), (self._scheduler.run, "scheduler")):
            task = asyncio.create_task(run(), name=f"{what} of {self._name}")
            task.add_done_callback(self._task_ended)
            self._tasks.append(task)
        self._tasks.append(asyncio.create_task(self._idleness.run()))

    def unload(self) -> None:
        """End the lanes and give their memory back, until a page needs them or `load` is called.

        Raises:
            Conflict: it has work.
        """
        if self._has_work():
            raise Conflict(f"The engine {self._name} has pages to read; try again when it is idle.")
        self._unloaded = f"The engine {self._name} was unloaded; it is loaded when it is needed."
        self._supervisor.unload()

    def load(self) -> None:
        """Start the lanes again, where they were unloaded. Returns at once."""
        self._idleness.touch()
        self._supervisor.want()

    @property
    def is_unloaded(self) -> bool:
        """Its lanes have ended until they are needed."""
        return self._supervisor.is_unloaded

    async def close(self) -> None:
        """End everything; who still waits gets `ShuttingDown`. Idempotent."""
        self._scheduler.end(shutting_down)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lanes_changed()

    def admit(self, pages: int, client: str, deadline: float, now: float) -> Admission:
        """Take room for a document; see `Pool.admit`."""
        self.load()
        if self._supervisor.refuses:
            self._figures.refused(EngineUnavailable.code)
            raise self._unavailable()
        if self._scheduler.refusal is not None:
            self._figures.refused(EngineUnavailable.code)
            raise self._scheduler.refusal
        try:
            place = self.gate.admit(pages, client, now, deadline)
        except MaoOCRError as error:
            self._figures.refused(error.code)
            raise
        return Admission(
            place,
            self._scheduler,
            deadline=deadline,
            window=self._window,
            release=self.gate.release,
        )

    def background(self) -> Admission:
        """A place for work that can wait; see `Pool.background`."""
        return Admission(
            Place(BACKGROUND, 0),
            self._scheduler,
            deadline=math.inf,
            window=self._window,
            release=lambda _: None,
        )

    @property
    def pages_at_once(self) -> int:
        """That the lanes which are up read side by side, or would once they are loaded again."""
        if self.is_unloaded:
            return self._window // WINDOW_BATCHES
        return self._supervisor.lanes_up * self._batch_pages if self.ready else 0

    def require_room(self, client: str, now: float, deadline: float) -> None:
        """Refuse what `admit` would refuse whatever the document is; see `Pool.require_room`."""
        try:
            self.gate.check(1, client, now, deadline)
        except MaoOCRError as error:
            self._figures.refused(error.code)
            raise

    @property
    def info(self) -> EngineInfo | None:
        """What the engine said of itself when it was last loaded."""
        return self._supervisor.info

    @property
    def seconds_per_page(self) -> float:
        """Of one lane, a running mean."""
        return self._figures.seconds_per_page

    @property
    def pace(self) -> PaceNow:
        """Seconds of one lane for a page, by the size of the page."""
        return self._figures.pace.now

    @property
    def queue_pages(self) -> int:
        """That wait for a lane."""
        return len(self._scheduler.queue)

    @property
    def pages_in_work(self) -> int:
        """That lanes read now."""
        return self._scheduler.pages_in_work

    @property
    def failure(self) -> str | None:
        """Why it is not ready, where that is known."""
        failure = self._supervisor.failure
        return self._fault or (str(failure) if failure is not None else None)

    @property
    def ready(self) -> bool:
        """It takes documents and has a lane to read them."""
        return self._scheduler.refusal is None and self._supervisor.lanes_up > 0

    def status(self) -> EngineStatus:
        """How it goes."""
        return EngineStatus(
            info=self.info,
            lanes=self._supervisor.status(),
            queue_pages=self.queue_pages,
            documents=len(self.gate),
            seconds_per_page=self.seconds_per_page,
            restarts=dict(self._supervisor.restarts),
            ready=self.ready,
            failure=self.failure,
            unloaded=self._unloaded if self.is_unloaded else None,
        )

    def _has_work(self) -> bool:
        return bool(self.queue_pages or self.pages_in_work or len(self.gate))

    def _is_busy(self) -> bool:
        return self._has_work() or self.is_unloaded or not self._supervisor.lanes_up

    def _idle_for_long(self) -> None:
        self._unloaded = (
            f"The engine {self._name} was idle for {self._idle_seconds:g} s"
            " (MAOOCR_POOL__IDLE_UNLOAD_SECONDS); it is loaded when it is needed."
        )
        self._supervisor.unload()

    def _drain_seconds(self) -> float:
        return self._figures.seconds_per_page / max(1, self._supervisor.lanes_up)

    def _lanes_changed(self) -> None:
        self._figures.lanes(self._supervisor.status(), self.info)
        self._scheduler.wake()
        if self._supervisor.is_hopeless:
            self._scheduler.settle_waiting(self._unavailable)
        if self._supervisor.lanes_up or self._supervisor.failure or self.is_unloaded:
            self.decided.set()

    def _unavailable(self) -> EngineUnavailable:
        failure = self._supervisor.failure
        reason = failure.reason if failure is not None else ""
        return EngineUnavailable(f"The engine {self._name} cannot be started. {reason}".strip())

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        self._fault = f"the {task.get_name()} died"
        log.critical("%s", self._fault, exc_info=error)
        self._scheduler.end(self._scheduler.fault)


def shutting_down() -> ShuttingDown:
    """The error of those whom the end of the pool finds waiting."""
    return ShuttingDown("The service is stopping; send the request again.")
