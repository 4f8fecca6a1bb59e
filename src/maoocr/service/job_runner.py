"""Runs the pages of jobs beside everything else that a gateway process does.

It leases somewhat more pages than the lanes read at once, so that no lane waits for the database;
the pool gives their turns to whoever comes with a request. What was read is written in one go with
all else that was read meanwhile. While the database is away it pauses: outcomes wait in memory, and
a lease that ran out in the meantime makes them void, for then another runner has the page.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from ..errors import MaoOCRError, Refused
from ..settings import JobSettings
from ..store.job_rows import ENDED, Claim, Counted, Outcome, PageKey, Read, Retry, Spoiled
from ..store.ledger_entry import entry_of
from ..telemetry.logging import request_id_var
from ..telemetry.metrics import Metrics
from .counting import count_pages
from .job_news import CANCELLED, NEW, RUNNERS, progress_topic
from .job_ports import BackgroundPool, Blobs, JobRows, PageWork
from .job_reading import JobReading
from .ports import Wire

__all__ = ["JobRunner"]

log = logging.getLogger("maoocr.jobs")

WINDOW_TURNS = 3
"""Pages leased for each page that the lanes read at once: one in work, two for when it is done."""
REFUSED_S = 0.2
LEAST_WAIT_S = 0.01
DRAIN_S = 5.0
"""That pages in work may take to end when the process stops; the others are given back."""

_Lease = tuple[PageKey, int]


class JobRunner:
    """One for each gateway process; any number of them share the work."""

    def __init__(
        self,
        work: PageWork,
        rows: JobRows,
        reading: JobReading,
        pool: BackgroundPool,
        blobs: Blobs,
        wire: Wire,
        settings: JobSettings,
        metrics: Metrics,
    ) -> None:
        self._work = work
        self._rows = rows
        self._reading = reading
        self._pool = pool
        self._blobs = blobs
        self._wire = wire
        self._settings = settings
        self._metrics = metrics
        self._running: dict[_Lease, tuple[Claim, asyncio.Task[None]]] = {}
        self._outcomes: list[tuple[Claim, Outcome]] = []
        self._wake = asyncio.Event()
        self._read = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run until the end of the context, and give back what is not done by then."""
        parts = (self._take, self._write, self._renew, self._listen, self._look)
        tasks = [asyncio.create_task(self._forever(part)) for part in parts]
        try:
            yield
        finally:
            await _ended(tasks[:2])
            await self._drain()
            await _ended(tasks)
            self._reading.close()

    async def _drain(self) -> None:
        """Let what is nearly done end, stop the rest, and write or give back all of it."""
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=DRAIN_S)
        left = [claim for claim, task in self._running.values() if not task.done()]
        await _ended([task for _, task in self._running.values()])
        self._outcomes += [(claim, Retry(has_failed=False)) for claim in left]
        with suppress(Refused):
            # Without a database nothing can be given back: the leases run out by themselves.
            await self._write_once()
            await self._wire.publish(RUNNERS, NEW)

    async def _forever(self, part: Callable[[], Awaitable[None]]) -> None:
        """A part of the runner, begun again after whatever befalls it."""
        while True:
            try:
                await part()
            except Refused:
                # Also a full disk, with which the database itself is there.
                await asyncio.sleep(REFUSED_S)
                await self._work.wait_ready()
            except Exception:
                log.exception("the job runner stumbled")
                await asyncio.sleep(self._settings.poll_seconds)

    async def _take(self) -> None:
        while True:
            self._wake.clear()
            at_once = self._pool.pages_at_once
            room = WINDOW_TURNS * at_once - len(self._running)
            patience_s = self._settings.poll_seconds
            if at_once and room >= at_once:
                claims = await self._work.claim(room)
                for claim in claims:
                    self._begin(claim)
                if claims:
                    continue
                soonest = await self._work.next_in_s()
                if soonest is not None:
                    patience_s = min(patience_s, max(LEAST_WAIT_S, soonest))
            if not self._running:
                self._reading.release()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._wake.wait()

    def _begin(self, claim: Claim) -> None:
        if claim.was_taken_over:
            self._metrics.job_leases_taken_over.inc()
            log.info("page taken over", extra={"job": claim.job, "page": claim.page})
        lease = (claim.key, claim.fence)
        task = asyncio.create_task(self._carry_out(claim))
        self._running[lease] = (claim, task)
        self._metrics.job_pages_in_work.set(len(self._running))
        task.add_done_callback(lambda _: self._over(lease))

    async def _carry_out(self, claim: Claim) -> None:
        # Of this task alone: its logs and the servers that it asks name the request.
        request_id_var.set(claim.request_id)
        outcome = await self._reading.outcome(claim)
        self._outcomes.append((claim, outcome))
        self._read.set()

    def _over(self, lease: _Lease) -> None:
        self._running.pop(lease, None)
        self._metrics.job_pages_in_work.set(len(self._running))
        self._wake.set()

    async def _write(self) -> None:
        while True:
            await self._read.wait()
            self._read.clear()
            try:
                await self._write_once()
            except MaoOCRError:
                self._read.set()
                raise

    async def _write_once(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        if not outcomes:
            return
        try:
            ended = await self._work.write(outcomes)
        except BaseException:
            self._outcomes = outcomes + self._outcomes
            raise
        written = [(c, o) for c, o in outcomes if c.key not in ended.refused]
        for _, outcome in written:
            self._count(outcome)
        over = [job for job, status in ended.status.items() if status in ENDED]
        self._stop(over)
        touched = {claim.job for claim, _ in written}
        for job in over:
            if job in touched:
                self._metrics.jobs.labels(ended.status[job]).inc()
                await self._blobs.remove(job)
        for job in touched:
            await self._wire.publish(progress_topic(job), b"")
        if over or any(isinstance(outcome, (Counted, Retry)) for _, outcome in written):
            self._wake.set()
            await self._wire.publish(RUNNERS, NEW)

    def _count(self, outcome: Outcome) -> None:
        names = {Read: "read", Spoiled: "failed", Retry: "retried", Counted: "counted"}
        self._metrics.job_pages.labels(names[type(outcome)]).inc()
        if isinstance(outcome, Read) and entry_of(outcome.result) is not None:
            count_pages(self._metrics, (outcome.result,))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 3)
            before = set(self._running)
            if before:
                held = await self._work.renew()
                self._cancel(lease for lease in before if lease not in held)

    async def _listen(self) -> None:
        async with self._wire.subscribe(RUNNERS) as news:
            async for message in news:
                if message is not None and message.startswith(CANCELLED):
                    self._stop([message[len(CANCELLED) :].decode()])
                self._wake.set()

    async def _look(self) -> None:
        """See which jobs were cancelled without this process hearing of it."""
        while True:
            await asyncio.sleep(self._settings.poll_seconds)
            jobs = {claim.job for claim, _ in self._running.values()}
            if jobs:
                self._stop(await self._rows.ended_among(jobs))

    def _stop(self, jobs: Iterable[str]) -> None:
        """Stop reading pages of jobs that have ended; the engine is told."""
        ended = set(jobs)
        self._cancel(lease for lease in self._running if lease[0][0] in ended)

    def _cancel(self, leases: Iterable[_Lease]) -> None:
        for lease in list(leases):
            if lease in self._running:
                self._running[lease][1].cancel()


async def _ended(tasks: Iterable["asyncio.Task[None]"]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
