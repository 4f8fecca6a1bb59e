"""The engine pool: admission, one queue for each engine, lanes under supervision."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..documents.limits import DecodeLimits
from ..engines.base import EngineSpec
from ..errors import Conflict, UnknownEngine
from ..settings import Settings
from ..telemetry.metrics import Metrics
from .admission import Admission
from .cores import CoreShare, gateway_cores, most_threads
from .engine_pool import EnginePool, EngineStatus, shutting_down
from .lanes import Lane, Launch
from .messages import Start
from .process_lane import ProcessLane

__all__ = ["Pool", "PoolStatus"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """The pool at one moment.

    Attributes:
        engines: by name.
        ready: the default engine has a lane, and nothing of it has died that cannot come back.
    """

    engines: Mapping[str, EngineStatus]
    ready: bool


class Pool:
    """Reads pages with the engines that it was given."""

    def __init__(
        self,
        specs: Sequence[EngineSpec],
        settings: Settings,
        spool_root: Path,
        metrics: Metrics,
        *,
        launch: Launch | None = None,
        launches: Mapping[str, Launch] | None = None,
    ) -> None:
        """Make the pool; `start` starts its processes.

        Args:
            specs: of the engines, with different names.
            settings: limits, lanes and grace time.
            spool_root: where the lanes find documents by their hash.
            metrics: of this gateway process.
            launch: starts a lane; by default a process of this machine.
            launches: of engines whose lanes are something else, by the engine's name.
        """
        self._grace_s = settings.server.grace_s
        self._start_seconds = settings.pool.start_seconds
        self._metrics = metrics
        self._closing = False
        cores = gateway_cores(settings.web_concurrency)
        shares = CoreShare(cores, most_threads(settings.pool.threads, cores))
        asked = settings.pool.lanes // settings.web_concurrency
        lanes = max(1, asked) if settings.pool.lanes else cores
        start = launch or _processes(settings, spool_root)
        others = launches or {}
        self._engines = {
            spec.name: EnginePool(
                [spec] * _lanes_of(spec, lanes),
                settings,
                metrics,
                others.get(spec.name, start),
                CoreShare(1, 1) if spec.device == "remote" else shares,
                idle_seconds=_idle_seconds(spec, place, settings),
            )
            for place, spec in enumerate(specs)
        }

    async def start(self, ready_timeout_s: float | None = None) -> None:
        """Start all lanes; return when every engine has one, or could not start it.

        An engine that cannot be started is no error here: `admit` and `status` tell why, and the
        pool goes on trying.

        Args:
            ready_timeout_s: return after so many seconds anyway; by default after the time that a
                lane may take to start.
        """
        for engine in self._engines.values():
            engine.start()
        seconds = self._start_seconds if ready_timeout_s is None else ready_timeout_s
        try:
            async with asyncio.timeout(seconds):
                for engine in self._engines.values():
                    await engine.decided.wait()
        except TimeoutError:
            log.warning("no lane is up after %g s", seconds)

    async def close(self) -> None:
        """Refuse what is new, finish what was admitted within the grace time, end all lanes.

        What is not finished by then gets `ShuttingDown`. No process is left when this returns.
        """
        self._closing = True
        try:
            async with asyncio.timeout(self._grace_s):
                for engine in self._engines.values():
                    await engine.gate.emptied.wait()
        except TimeoutError:
            log.warning("the grace time of %g s is over with work left", self._grace_s)
        finally:
            await asyncio.gather(*(engine.close() for engine in self._engines.values()))

    def admit(self, engine: str, pages: int, *, client: str, deadline: float) -> Admission:
        """Take room for a document, or refuse it at once.

        Args:
            engine: name of one of the specs.
            pages: that will be read of it.
            client: who asks; lanes are shared fairly among clients.
            deadline: `time.monotonic()` value after which nobody waits any more.

        Raises:
            UnknownEngine: there is none of that name.
            ShuttingDown: the pool is closing.
            EngineUnavailable: no lane of it can be started.
            Overloaded: there is no room; tells when there should be.
        """
        found = self._find(engine)
        if self._closing:
            self._metrics.refusals.labels("shutting_down").inc()
            raise shutting_down()
        return found.admit(pages, client, deadline, time.monotonic())

    def background(self, engine: str) -> Admission:
        """A place for work that can wait, kept for as long as there may be such work.

        It takes turns with the clients as if it were one of them, has no deadline, and keeps nobody
        out: neither admission nor `close` waits for it.

        Raises:
            UnknownEngine: there is none of that name.
        """
        return self._find(engine).background()

    @property
    def pages_at_once(self) -> int:
        """That all lanes which are up read side by side; 0 while nothing is taken."""
        if self._closing:
            return 0
        return sum(engine.pages_at_once for engine in self._engines.values())

    def require_room(self, engine: str, *, client: str, deadline: float) -> None:
        """Refuse a document before it has even come, where the smallest would be refused.

        Raises:
            Overloaded: there is no room for one page; tells when there should be.
        """
        if engine in self._engines:
            self._engines[engine].require_room(client, time.monotonic(), deadline)

    def _find(self, engine: str) -> EnginePool:
        found = self._engines.get(engine)
        if found is None:
            raise UnknownEngine(
                f"There is no engine {engine[:40]!r}; there is {', '.join(self._engines)}."
            )
        return found

    @property
    def engines(self) -> Mapping[str, EnginePool]:
        """By name, in the order of the specs."""
        return self._engines

    def status(self) -> PoolStatus:
        """What there is and how it goes."""
        engines = {name: engine.status() for name, engine in self._engines.items()}
        return PoolStatus(engines, self.ready)

    @property
    def ready(self) -> bool:
        """Documents are taken and read, by the default engine at least.

        One that is beside it and cannot be started is told of, and takes nobody's service away.
        """
        default = next(iter(self._engines.values()))
        return not self._closing and (default.ready or default.is_unloaded)

    def unload(self, engine: str) -> None:
        """End the lanes of an engine, until it is needed; see `EnginePool.unload`.

        Raises:
            UnknownEngine: there is none of that name.
            Conflict: it has work, or nobody would stand in for the default engine.
        """
        found = self._find(engine)
        default = next(iter(self._engines.values()))
        if found is default and not any(e.ready for e in self._engines.values() if e is not found):
            raise Conflict(
                f"{engine} is the default engine, and no other one is ready: load another first."
            )
        found.unload()

    def load(self, engine: str) -> None:
        """Start the lanes of an engine again, where they were unloaded. Returns at once.

        Raises:
            UnknownEngine: there is none of that name.
        """
        self._find(engine).load()


def _idle_seconds(spec: EngineSpec, place: int, settings: Settings) -> float:
    # The default engine is always needed soon, and lanes before a server hold no memory.
    is_extra = place > 0 and spec.device != "remote"
    return settings.pool.idle_unload_seconds if is_extra else 0.0


def _lanes_of(spec: EngineSpec, usual: int) -> int:
    # A CUDA device is one resource: a second lane on it would only take memory from the first.
    return 1 if spec.device.startswith("cuda") else spec.lanes or usual


def _processes(settings: Settings, spool_root: Path) -> Launch:
    """Starts lanes as processes of this machine."""
    limits = DecodeLimits.from_settings(settings.limits)

    async def launch(spec: EngineSpec, slot: int) -> Lane:
        start = Start(
            spec=spec,
            spool_root=str(spool_root),
            limits=limits,
            page_seconds=settings.limits.page_seconds,
            memory_bytes=settings.pool.lane_memory_bytes,
            rss_bytes=settings.pool.lane_rss_bytes,
        )
        name = f"{spec.name}/{slot}"
        return await ProcessLane.start(start, name, timeout_s=settings.pool.start_seconds)

    return launch
