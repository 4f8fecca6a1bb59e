"""The only place that builds things: what starts in which order, and ends in the reverse one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from . import __version__
from .cache.shared import Shared, open_shared
from .documents.counter import PageCounter
from .documents.limits import DecodeLimits
from .documents.spool import Spool
from .documents.thumbnails import Thumbnails
from .engines.base import EngineSpec
from .engines.registry import engine_specs
from .errors import EngineUnavailable
from .outbound.fetch import fetcher_of
from .outbound.post import poster_of
from .pool import Pool, gateway_cores, most_threads
from .service.access import Access, access_of
from .service.history import History
from .service.job_reading import JobReading
from .service.job_runner import JobRunner
from .service.job_upkeep import JobUpkeep
from .service.jobs import Jobs
from .service.ports import EngineCard, EngineDirectory
from .service.recognizer import Recognizer
from .service.recorder import Recorder
from .service.webhooks import WebhookSender
from .settings import Settings
from .store.blobs import BlobStore, FolderBlobs
from .store.connecting import database_url
from .store.database import Database
from .store.history import HistoryTable
from .store.ids import new_id
from .store.job_pages import JobPages
from .store.jobs import JobStore
from .store.journal import Journal
from .store.keys import KeyRows
from .store.originals import Originals
from .store.usage import UsageRows
from .store.webhooks import WebhookRows
from .telemetry.logging import configure_logging
from .telemetry.metrics import Metrics
from .web.app import make_app
from .web.gateway import Gateway
from .web.intake import IntakeReader

__all__ = ["Runtime", "State", "create_app", "open_jobs", "open_runtime", "open_state"]

DATABASE_S = 5.0
"""How long a start waits for the database, so that the first callers need not be sent away."""


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


@dataclass(frozen=True, slots=True)
class State:
    """What outlives a request; in-process recognition has none of it."""

    database: Database
    access: Access
    history: History


class _Engines:
    """The engine directory that the service asks for, read off the pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def cards(self) -> Sequence[EngineCard]:
        return [
            EngineCard(name, e.info, e.seconds_per_page, e.ready, e.failure)
            for name, e in self._pool.engines.items()
        ]


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
    async with AsyncExitStack() as stack:
        shared = await stack.enter_async_context(open_shared(settings, metrics))
        spool = Spool.claim(settings.spool.dir, settings.spool.memory_bytes)
        stack.callback(spool.close)
        counter = PageCounter(spool.root, DecodeLimits.from_settings(settings.limits))
        stack.push_async_callback(counter.close)
        if specs is None:
            cores = gateway_cores(settings.web_concurrency)
            specs = engine_specs(settings, most_threads(settings.pool.threads, cores))
        pool = Pool(specs, settings, spool.root, metrics)
        stack.push_async_callback(pool.close)
        started = asyncio.create_task(pool.start())
        stack.callback(started.cancel)
        if wait:
            await started
            _require_ready(pool)
        recognizer = Recognizer(
            pool,
            _Engines(pool),
            counter,
            shared.results,
            shared.flights,
            settings.limits,
            metrics,
        )
        yield Runtime(
            settings, metrics, spool, pool, recognizer, started, shared, counter, _Engines(pool)
        )


def _require_ready(pool: Pool) -> None:
    for name, engine in pool.status().engines.items():
        if not engine.ready:
            raise EngineUnavailable(engine.failure or f"No lane of the engine {name} is up.")


@asynccontextmanager
async def open_state(runtime: Runtime) -> AsyncIterator[State]:
    """Start what keeps state; it serves although the database is away."""
    settings, metrics, shared = runtime.settings, runtime.metrics, runtime.shared
    async with AsyncExitStack() as stack:
        database = Database(database_url(settings.database_url, settings.state_dir))
        stack.push_async_callback(database.close)
        database.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(DATABASE_S):
                await database.wait_ready()
        rows, usage = KeyRows(database), UsageRows(database)
        access = access_of(rows, usage, shared.rates, settings.auth.grace_seconds)
        stack.push_async_callback(access.keyring.close)
        table = HistoryTable(database)
        recorder = Recorder(table, database, Journal(settings.state_dir / "journal"), metrics)
        originals = Originals(settings.state_dir / "originals")
        pictures = None
        if settings.history.enabled and settings.history.thumbnails:
            limits = DecodeLimits.from_settings(settings.limits)
            pictures = Thumbnails(runtime.spool.root, limits)
            stack.push_async_callback(pictures.close)
        history = History(table, recorder, originals, settings.history, pictures)
        stack.push_async_callback(history.close)
        await history.start()
        yield State(database, access, history)


@asynccontextmanager
async def open_jobs(runtime: Runtime, database: Database) -> AsyncIterator[Jobs]:
    """Run the jobs of the database beside everything else, until exit."""
    settings, metrics, wire = runtime.settings, runtime.metrics, runtime.shared.wire
    rows, blobs = JobStore(database), _blobs_of(settings)
    reading = JobReading(
        runtime.pool,
        runtime.engines,
        runtime.counter,
        runtime.spool,
        blobs,
        settings.limits,
        settings.jobs.attempts,
    )
    work = JobPages(database, new_id(), settings.jobs.lease_seconds)
    runner = JobRunner(work, rows, reading, runtime.pool, blobs, wire, settings.jobs, metrics)
    webhooks, poster = WebhookRows(database), poster_of(settings)
    sender = WebhookSender(webhooks, rows, poster, wire, settings.jobs, metrics)
    upkeep = JobUpkeep(rows, blobs, settings.jobs.keep_days)
    beside = [asyncio.create_task(part.run()) for part in (sender, upkeep)]
    jobs = Jobs(
        rows,
        blobs,
        runtime.spool,
        runtime.engines,
        wire,
        webhooks,
        poster,
        settings.jobs,
        metrics,
    )
    try:
        async with runner.running():
            yield jobs
    finally:
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)


def _blobs_of(settings: Settings) -> BlobStore:
    if not settings.jobs.blobs_url:
        return FolderBlobs(settings.state_dir / "blobs")
    # Imported here: most servers keep jobs' uploads in a folder and need no client of S3.
    from .store.s3_blobs import S3Blobs

    return S3Blobs(
        settings.jobs.blobs_url,
        endpoint=settings.aws_endpoint_url,
        region=settings.aws_region,
        access_key_id=settings.aws_access_key_id,
        secret_access_key=settings.aws_secret_access_key,
    )


def create_app(settings: Settings, specs: Sequence[EngineSpec] | None = None) -> FastAPI:
    """The web app; it starts its runtime when the server starts it, and stops it likewise.

    Args:
        settings: the whole tree.
        specs: the engines; those of the settings when left out.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        configure_logging(settings.log)
        async with (
            open_runtime(settings, specs, wait=False) as runtime,
            open_state(runtime) as state,
            open_jobs(runtime, state.database) as jobs,
        ):
            app.state.started = runtime.started
            app.state.gateway = Gateway(
                settings=settings,
                recognizer=runtime.recognizer,
                pool=runtime.pool,
                spool=runtime.spool,
                intake=IntakeReader(settings, runtime.spool, fetcher_of(settings, runtime.metrics)),
                metrics=runtime.metrics,
                shared=runtime.shared,
                database=state.database,
                access=state.access,
                history=state.history,
                jobs=jobs,
            )
            yield

    return make_app(lifespan)
