"""Everything below HTTP that keeps no state: the cache, the pool, the recognizer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector

from .. import __version__
from ..cache.shared import Shared, open_shared
from ..documents.counter import PageCounter
from ..documents.limits import DecodeLimits
from ..documents.spool import Spool
from ..engines.base import EngineSpec
from ..engines.profiles import load_profiles
from ..engines.registry import engine_specs
from ..errors import EngineUnavailable
from ..pool import Pool, gateway_cores, most_threads
from ..service.engine_states import EngineHouse
from ..service.ports import EngineDirectory
from ..service.recognizer import Recognizer
from ..settings import Settings
from ..telemetry.metrics import Metrics
from .directory import PoolDirectory
from .lifecycle import EngineLifecycle, models_in_use
from .vlm import Vlms, open_vlms, require_own_names

__all__ = ["Runtime", "open_runtime"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything but HTTP.

    Attributes:
        started: done when every engine has a lane or could not start one.
        shared: with the other replicas, where there is a Redis.
    """

    settings: Settings
    metrics: Metrics
    spool: Spool
    pool: Pool
    recognizer: Recognizer
    started: asyncio.Task[None]
    shared: Shared
    counter: PageCounter
    engines: EngineDirectory
    vlms: Vlms
    house: EngineHouse


@asynccontextmanager
async def open_runtime(
    settings: Settings, specs: Sequence[EngineSpec] | None = None, *, wait: bool = True
) -> AsyncIterator[Runtime]:
    """Start everything below HTTP and stop it at exit.

    Args:
        settings: the whole tree.
        specs: the engines; those of the settings when left out.
        wait: return when a lane is ready, or raise; else return at once and start meanwhile.

    Raises:
        EngineUnavailable: with `wait`, when no lane could be started.
    """
    metrics = Metrics(CollectorRegistry())
    metrics.build_info.labels(__version__).set(1)
    ProcessCollector(registry=metrics.registry)
    async with AsyncExitStack() as stack:
        shared = await stack.enter_async_context(open_shared(settings, metrics))
        spool = Spool.claim(settings.spool.dir, settings.spool.memory_bytes)
        stack.callback(spool.close)
        counter = PageCounter(spool.root, DecodeLimits.from_settings(settings.limits))
        stack.push_async_callback(counter.close)
        if specs is None:
            cores = gateway_cores(settings.web_concurrency)
            specs = engine_specs(settings, most_threads(settings.pool.threads, cores))
        profiles = load_profiles(settings)
        vlms = await stack.enter_async_context(open_vlms(settings, profiles, spool.root, metrics))
        require_own_names(tuple(specs), vlms)
        stack.enter_context(models_in_use(settings, vlms))
        pool = Pool((*specs, *vlms.specs), settings, spool.root, metrics, launches=vlms.launches)
        stack.push_async_callback(pool.close)
        started = asyncio.create_task(pool.start())
        stack.callback(started.cancel)
        if wait:
            await started
            _require_ready(pool)
        engines = PoolDirectory(
            pool,
            profiles,
            vlms.profiles,
            vlms.budget_left,
            vlms.outage,
            vlms.is_asleep,
            vlms.wake,
        )
        recognizer = Recognizer(
            pool,
            engines,
            counter,
            shared.results,
            shared.flights,
            settings.limits,
            metrics,
        )
        yield Runtime(
            settings,
            metrics,
            spool,
            pool,
            recognizer,
            started,
            shared,
            counter,
            engines,
            vlms,
            EngineLifecycle(pool, vlms, profiles, settings),
        )


def _require_ready(pool: Pool) -> None:
    name, engine = next(iter(pool.status().engines.items()))
    if not engine.ready:
        raise EngineUnavailable(engine.failure or f"No lane of the engine {name} is up.")
