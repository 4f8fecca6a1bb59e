"""Keeps the lanes of one engine alive: starts, restarts, recycles and ends them."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..engines.base import EngineInfo, EngineSpec
from .lanes import Lane, LaneNotStarted, LaneVitals, Launch

__all__ = ["LaneState", "LaneStatus", "RecycleRules", "Supervisor"]

log = logging.getLogger(__name__)

LaneState = Literal["starting", "idle", "busy", "stopping", "waiting", "unloaded"]

FIRST_BACKOFF_SECONDS = 0.25
HOPELESS_AFTER = 3
"""Starts in a row that must fail, on every slot, until waiting pages are given up."""
HOPELESS_AFTER_SUCCESS = 8
"""The same once the engine was up: then its models are sound, and what ends it may pass."""


@dataclass(frozen=True, slots=True)
class RecycleRules:
    """When a lane is replaced, and how fast one that keeps dying is tried again."""

    pages: int
    rss_bytes: int
    backoff_max_seconds: float


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """One slot, for operators.

    Attributes:
        id: number of the slot; stays when the process is replaced.
        state: `waiting` is the pause before the next attempt to start; `unloaded` is started when
            it is needed.
        pages: that the present process has read.
        rss_bytes: after its last page.
    """

    id: int
    state: LaneState
    pid: int | None
    pages: int
    rss_bytes: int


class _Slot:
    def __init__(self, number: int, spec: EngineSpec) -> None:
        self.number = number
        self.spec = spec
        self.state: LaneState = "starting"
        self.lane: Lane | None = None
        self.pages = 0
        self.rss_bytes = 0
        self.failures = 0
        """Ends in a row of lanes that had not read a page."""

    def status(self) -> LaneStatus:
        pid = self.lane.pid if self.lane is not None else None
        return LaneStatus(self.number, self.state, pid, self.pages, self.rss_bytes)


class Supervisor:
    """The lanes of one engine; the scheduler's `Crew`.

    A lane that is recycled ends before its replacement starts: memory stays bounded by the number
    of lanes, at the price of one lane less for the seconds of a start.
    """

    def __init__(
        self,
        specs: Sequence[EngineSpec],
        launch: Launch,
        rules: RecycleRules,
        *,
        on_change: Callable[[], None],
        on_end: Callable[[str], None],
    ) -> None:
        """Make it; nothing is started yet.

        Args:
            specs: one for each lane.
            launch: starts a lane.
            rules: when to replace one.
            on_change: is called whenever a lane came, went or changed its state.
            on_end: is given the reason of each end, and `start_failed` for each failed start.
        """
        self._slots = [_Slot(number, spec) for number, spec in enumerate(specs)]
        self._launch = launch
        self._rules = rules
        self._on_change = on_change
        self._on_end = on_end
        self._up: dict[Lane, _Slot] = {}
        self._idle: deque[Lane] = deque()
        self._not_started: LaneNotStarted | None = None
        self._info: EngineInfo | None = None
        self._wanted = asyncio.Event()
        self._wanted.set()
        self.restarts: Counter[str] = Counter()
        """Ended lanes by reason, and starts that failed."""

    async def run(self) -> None:
        """Keep every slot filled until cancelled; then end all lanes and wait for them."""
        try:
            async with asyncio.TaskGroup() as slots:
                for slot in self._slots:
                    slots.create_task(self._keep(slot))
        finally:
            await self._end_all()

    @property
    def info(self) -> EngineInfo | None:
        """What the engine said of itself when it was last loaded."""
        return self._info

    @property
    def lanes_up(self) -> int:
        """Lanes that are idle or busy."""
        return sum(slot.state in {"idle", "busy"} for slot in self._slots)

    @property
    def failure(self) -> LaneNotStarted | None:
        """Why the last start failed, while no lane is up."""
        return self._not_started if not self.lanes_up else None

    @property
    def is_hopeless(self) -> bool:
        """No lane is up, and none could be started for some time."""
        most = HOPELESS_AFTER if self._info is None else HOPELESS_AFTER_SUCCESS
        return self.failure is not None and all(slot.failures >= most for slot in self._slots)

    @property
    def refuses(self) -> bool:
        """Nobody should be let in: it never came up, or has not come up again for long."""
        return self.failure is not None and (self._info is None or self.is_hopeless)

    @property
    def is_unloaded(self) -> bool:
        """Its lanes have ended, or are to end, until somebody needs them."""
        return not self._wanted.is_set()

    def unload(self) -> None:
        """End the lanes and start none: idle ones now, busy ones after their batch."""
        self._wanted.clear()
        self._not_started = None
        for lane in list(self._idle):
            self._let_go(lane, self._up[lane])
        self._idle.clear()
        self._on_change()

    def want(self) -> None:
        """Somebody needs the lanes: those that were unloaded start."""
        if not self._wanted.is_set():
            self._wanted.set()
            self._on_change()

    def status(self) -> tuple[LaneStatus, ...]:
        """Every slot."""
        return tuple(slot.status() for slot in self._slots)

    @property
    def has_idle(self) -> bool:
        """Somebody is free."""
        return bool(self._idle)

    def take(self) -> Lane:
        """The lane that was free longest, so that all take their share of the pages."""
        lane = self._idle.popleft()
        self._set(self._up[lane], "busy")
        return lane

    def give_back(self, lane: Lane, vitals: LaneVitals, pages: int) -> None:
        """Let it go on, or replace it."""
        slot = self._up.get(lane)
        if slot is None:
            return
        slot.pages += pages
        slot.rss_bytes = vitals.rss_bytes
        if self.is_unloaded:
            self._let_go(lane, slot)
        elif vitals.wants_replacing is not None or vitals.rss_bytes > self._rules.rss_bytes:
            self._set(slot, "stopping")
            lane.stop("memory")
        elif slot.pages >= self._rules.pages and self._others_are_up(slot):
            self._set(slot, "stopping")
            lane.stop("recycle")
        else:
            self._idle.append(lane)
            self._set(slot, "idle")

    async def _keep(self, slot: _Slot) -> None:
        while True:
            if self.is_unloaded:
                slot.failures = 0
                self._set(slot, "unloaded")
                await self._wanted.wait()
            self._set(slot, "starting")
            try:
                lane = await self._launch(slot.spec, slot.number)
            except LaneNotStarted as error:
                log.error("lane %s/%d did not start: %s", slot.spec.name, slot.number, error)
                self._not_started = error
                self._count("start_failed")
            else:
                await self._accompany(slot, lane)
            slot.failures += 1
            if self.is_unloaded:
                self._not_started = None
                continue
            self._set(slot, "waiting")
            await asyncio.sleep(self._backoff_s(slot.failures))

    async def _accompany(self, slot: _Slot, lane: Lane) -> None:
        """From the moment a lane is up until nothing is left of it."""
        slot.lane, slot.pages, slot.rss_bytes = lane, 0, 0
        self._not_started, self._info = None, lane.info
        self._up[lane] = slot
        if self.is_unloaded:
            self._let_go(lane, slot)
        else:
            self._idle.append(lane)
            self._set(slot, "idle")
        end = await lane.gone()
        slot.lane = None
        del self._up[lane]
        if lane in self._idle:
            self._idle.remove(lane)
        if slot.pages:
            slot.failures = -1
        self._count(end)
        level = logging.INFO if end == "unloaded" else logging.WARNING
        log.log(level, "lane %s/%d ended: %s", slot.spec.name, slot.number, end)

    def _let_go(self, lane: Lane, slot: _Slot) -> None:
        self._set(slot, "stopping")
        lane.stop("unloaded")

    def _others_are_up(self, slot: _Slot) -> bool:
        """Lanes that grew old together are replaced one after the other."""
        return all(s is slot or s.state in {"idle", "busy"} for s in self._slots)

    def _backoff_s(self, failures: int) -> float:
        if failures <= 1:
            return 0.0
        doubled = FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 2, 32)
        return min(self._rules.backoff_max_seconds, doubled)

    def _count(self, reason: str) -> None:
        self.restarts[reason] += 1
        self._on_end(reason)

    def _set(self, slot: _Slot, state: LaneState) -> None:
        slot.state = state
        self._on_change()

    async def _end_all(self) -> None:
        for lane, slot in self._up.items():
            # One that is busy here has outlived the grace time; it would not hear a polite word.
            if slot.state == "busy":
                lane.kill("closed")
            else:
                lane.stop("closed")
        for lane in self._up:
            await lane.gone()
