"""The use cases of jobs: make one, see it, follow it, cancel it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ..domain import Selection
from ..errors import Forbidden, StoreUnavailable
from ..settings import JobSettings
from ..store.job_rows import EndedPage, Job
from ..telemetry.metrics import Metrics
from .job_draft import Draft, Wishes
from .job_news import CANCELLED, NEW, RUNNERS, progress_topic
from .job_ports import Blobs, JobRows, Poster, Spool, WebhookRows
from .ports import EngineDirectory, Wire
from .selector import select

__all__ = ["Jobs", "Submitted"]

PAGES_AT_ONCE = 100
GATHER_S = 0.1


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that was asked for.

    Attributes:
        is_new: an earlier request did not make it.
        selection: by which its pages would be read now; each is planned anew when its turn comes.
    """

    job: Job
    is_new: bool
    selection: Selection


class Jobs:
    """Jobs of their owners; another's job is not there."""

    def __init__(
        self,
        rows: JobRows,
        blobs: Blobs,
        spool: Spool,
        engines: EngineDirectory,
        wire: Wire,
        webhooks: WebhookRows,
        poster: Poster,
        settings: JobSettings,
        metrics: Metrics,
    ) -> None:
        self._rows = rows
        self._blobs = blobs
        self._spool = spool
        self._engines = engines
        self._wire = wire
        self._webhooks = webhooks
        self._poster = poster
        self._settings = settings
        self._metrics = metrics

    async def look_for_uploads(self) -> None:
        """Return if the place is there where uploads wait.

        Raises:
            StoreUnavailable: it is away.
        """
        await self._blobs.look()

    @asynccontextmanager
    async def draft(self, owner: str) -> AsyncIterator[Draft]:
        """A new job; its documents are forgotten where it does not come about."""
        draft = Draft(owner, self._blobs, self._rows, self._spool, self._settings.max_files)
        try:
            yield draft
        except BaseException:
            if not draft.may_be_made:
                await draft.discard()
            raise

    async def submit(
        self, draft: Draft, wishes: Wishes, *, idempotency_key: str | None, request_id: str
    ) -> Submitted:
        """See `Draft.submit`; the runners are told.

        Raises:
            Forbidden: webhooks are not offered, or this one leads to where none may go.
        """
        if wishes.webhook_url is not None:
            if not self._settings.webhook_secret:
                raise Forbidden(
                    "webhook_url: this server calls nobody back (MAOOCR_JOBS__WEBHOOK_SECRET is"
                    " empty); follow the events of the job."
                )
            await self._poster.check(wishes.webhook_url)
        options, cards = wishes.options, self._engines.cards()
        selection = select(
            wishes.requirements, wishes.engine, options.language, cards, words=options.words
        )
        job, is_new = await draft.submit(
            wishes, idempotency_key=idempotency_key, request_id=request_id
        )
        if is_new:
            self._metrics.jobs.labels("accepted").inc()
            await self._wire.publish(RUNNERS, NEW)
        return Submitted(job, is_new, selection)

    async def get(self, owner: str, job: str) -> Job:
        """A job with its files.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        return await self._rows.get(owner, job)

    async def webhook(self, job: Job) -> dict[str, Any] | None:
        """Status and log of the delivery to its webhook; None when it has none."""
        return await self._webhooks.state(job)

    async def list(
        self, owner: str, *, limit: int, before: str | None, status: str | None
    ) -> Sequence[Job]:
        """Jobs without their files, the newest first; see `JobRows.list`."""
        return await self._rows.list(owner, limit=limit, before=before, status=status)

    async def cancel(self, owner: str, job: str) -> Job:
        """End a job; engines that read a page of it stop.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        before = await self._rows.get(owner, job)
        after = await self._rows.cancel(owner, job)
        if not before.has_ended and after.status == "cancelled":
            self._metrics.jobs.labels("cancelled").inc()
            await self._wire.publish(RUNNERS, CANCELLED + job.encode())
            await self._wire.publish(progress_topic(job), b"")
            await self._blobs.remove(job)
        return after

    async def pages(
        self, job: Job, *, after: int = 0, file: int | None = None
    ) -> AsyncGenerator[EndedPage]:
        """Pages that have their outcome by now, in the order in which they got it.

        Args:
            job: whose.
            after: only those with a higher event number.
            file: only those of this file, in the order of their numbers.
        """
        seen = 0 if file else after
        while True:
            limit = PAGES_AT_ONCE if file is None else max(1, job.files[file - 1].pages_total or 1)
            found = await self._rows.pages(job.id, after=seen, file=file, limit=limit)
            for page in found:
                yield page
            if file is not None or len(found) < limit:
                return
            seen = found[-1].event

    async def follow(
        self, owner: str, job: str, *, after: int = 0
    ) -> AsyncGenerator[tuple[Job, Sequence[EndedPage]]]:
        """The job and what happened to it since, at once and whenever something does.

        Gives an empty report now and then, ends after the one in which the job has ended, and waits
        for a database that goes away meanwhile.

        Raises:
            NotFound: there is none, or it is somebody else's.
            StoreUnavailable: the database is away from the beginning.
        """
        bell = asyncio.Event()
        async with self._wire.subscribe(progress_topic(job)) as news:
            ringing = asyncio.create_task(_ring(news, bell))
            try:
                found = await self._rows.get(owner, job)
                while True:
                    bell.clear()
                    try:
                        found = await self._rows.get(owner, job)
                        pages = await self._rows.pages(job, after=after, limit=PAGES_AT_ONCE)
                    except StoreUnavailable:
                        await asyncio.sleep(self._settings.poll_seconds)
                        continue
                    yield found, pages
                    after = pages[-1].event if pages else after
                    if len(pages) == PAGES_AT_ONCE:
                        continue
                    if found.has_ended:
                        return
                    await _rung(bell, self._settings.poll_seconds)
                    # Pages that end together are told together, with one look at the rows.
                    await asyncio.sleep(GATHER_S)
            finally:
                ringing.cancel()


async def _ring(news: AsyncIterator[bytes | None], bell: asyncio.Event) -> None:
    async for _ in news:
        bell.set()


async def _rung(bell: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await bell.wait()
    except TimeoutError:
        return
