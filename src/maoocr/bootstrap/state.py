"""What outlives a request: the database, keys, history, jobs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from ..documents.limits import DecodeLimits
from ..documents.thumbnails import Thumbnails
from ..outbound.post import poster_of
from ..service.access import Access, open_access
from ..service.costs import Costs
from ..service.costs_spending import Spendings
from ..service.engine_wishes import EngineWishes
from ..service.history import History
from ..service.job_cache import JobCache
from ..service.job_reading import JobReading
from ..service.job_runner import JobRunner
from ..service.job_upkeep import JobCensus, JobUpkeep
from ..service.jobs import Jobs
from ..service.recorder import Recorder
from ..service.webhooks import WebhookSender
from ..settings import CostSettings, Settings
from ..store.blobs import BlobStore, FolderBlobs
from ..store.connecting import database_url
from ..store.database import Database
from ..store.engine_wishes import EngineWishRows
from ..store.history import HistoryTable
from ..store.ids import new_id
from ..store.job_pages import JobPages
from ..store.jobs import JobStore
from ..store.journal import Journal
from ..store.key_file import KeyFile
from ..store.keys import KeyRows
from ..store.ledger import LedgerRows
from ..store.originals import Originals
from ..store.usage import UsageRows
from ..store.webhooks import WebhookRows
from ..telemetry.metrics import Metrics
from .runtime import Runtime

__all__ = ["State", "open_jobs", "open_state"]

DATABASE_S = 5.0
"""How long a start waits for the database, so that the first callers need not be sent away."""


@dataclass(frozen=True, slots=True)
class State:
    """What outlives a request; in-process recognition has none of it."""

    database: Database
    access: Access
    history: History
    costs: Costs
    wishes: EngineWishes


@asynccontextmanager
async def open_state(runtime: Runtime) -> AsyncIterator[State]:
    """Start what keeps state; it serves although the database is away."""
    settings, metrics, shared = runtime.settings, runtime.metrics, runtime.shared
    async with AsyncExitStack() as stack:
        url = database_url(settings.database_url, settings.state_dir)
        database = Database(url)
        stack.push_async_callback(database.close)
        database.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(DATABASE_S):
                await database.wait_ready()
        rows, usage = KeyRows(database), UsageRows(database)
        file, grace_s = KeyFile(settings.state_dir / "keys.json", url), settings.auth.grace_seconds
        access = await stack.enter_async_context(
            open_access(rows, file, usage, shared.rates, grace_s)
        )
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
        vlms, ledger = runtime.vlms, LedgerRows(database)
        spendings = Spendings(vlms.budgets, ledger, shared.wire, metrics)
        await stack.enter_async_context(spendings.running())
        costs = Costs(recorder, ledger, settings.costs, vlms.places, vlms.budgets)
        _tell_prices(settings.costs, metrics)
        wishes = EngineWishes(
            runtime.house,
            EngineWishRows(database),
            shared.wire,
            lambda: None if shared.link is None else shared.link.is_ready,
        )
        await stack.enter_async_context(wishes.running())
        yield State(database, access, history, costs, wishes)


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
        JobCache(runtime.shared.results),
        settings.limits,
        settings.jobs.attempts,
    )
    work = JobPages(database, new_id(), settings.jobs.lease_seconds)
    runner = JobRunner(work, rows, reading, runtime.pool, blobs, wire, settings.jobs, metrics)
    webhooks, poster = WebhookRows(database), poster_of(settings)
    sender = WebhookSender(webhooks, rows, poster, wire, settings.jobs, metrics)
    upkeep = JobUpkeep(rows, blobs, settings.jobs.keep_days)
    census = JobCensus(rows, metrics)
    beside = [asyncio.create_task(part.run()) for part in (sender, upkeep, census)]
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


def _tell_prices(costs: CostSettings, metrics: Metrics) -> None:
    if costs.local_per_month is not None:
        metrics.local_per_month.labels(costs.currency).set(float(costs.local_per_month))
    if costs.remote_per_page is not None:
        metrics.remote_per_page.labels(costs.currency).set(float(costs.remote_per_page))


def _blobs_of(settings: Settings) -> BlobStore:
    if not settings.jobs.blobs_url:
        return FolderBlobs(settings.state_dir / "blobs")
    # Imported here: most servers keep jobs' uploads in a folder and need no client of S3.
    from ..store.s3_blobs import S3Blobs

    return S3Blobs(
        settings.jobs.blobs_url,
        endpoint=settings.aws_endpoint_url,
        region=settings.aws_region,
        access_key_id=settings.aws_access_key_id,
        secret_access_key=settings.aws_secret_access_key,
    )
