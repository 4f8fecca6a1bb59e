"""Jobs as rows: made whole or not at all, seen by their owner only, cancelled, forgotten."""

import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..domain import PageError, PageResult
from ..errors import Conflict, NotFound
from .database import Database
from .job_rows import ENDED, EndedPage, Job, JobFile, JobStatus, NewJob
from .tables import job_files, job_pages, jobs, webhooks
from .usage import Use, count
from .webhooks import moment, release_webhooks

__all__ = ["JobStore"]


class JobStore:
    """Jobs in one database; see `JobPages` for the work on their pages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, new: NewJob) -> tuple[Job, bool]:
        """Make a job; it survives a power cut when this returns.

        Returns:
            The job, and whether it is new: it is not where its owner used the same idempotency key
            for the same request before.

        Raises:
            Conflict: the key was used for another request.
            StoreUnavailable: the database is away; the job may have been made nevertheless.
        """
        try:
            async with self._database.write() as connection:
                now = await moment(connection)
                await connection.execute(insert(jobs).values(_job_values(new, now)))
                await connection.execute(insert(job_files), _file_values(new))
                await connection.execute(insert(job_pages), _page_values(new, now))
                if new.webhook_url is not None:
                    hook = {"job_id": new.id, "status": "waiting", "attempts": 0, "log": "[]"}
                    await connection.execute(insert(webhooks).values(hook))
                await count(connection, now.astimezone(UTC).date(), {new.owner: Use(requests=1)})
        except IntegrityError:
            found = await self._by_key(new.owner, new.idempotency_key)
            if found is None:
                raise
            if found.request_hash != new.request_hash:
                raise Conflict(
                    f"Idempotency-Key: this key belongs to the job {found.id}, which was asked for"
                    " with other documents or options."
                ) from None
            return found, False
        return await self.get(new.owner, new.id), True

    async def get(self, owner: str, job: str) -> Job:
        """A job with its files.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        async with self._database.read() as connection:
            found = (
                await connection.execute(
                    select(jobs).where(jobs.c.id == job, jobs.c.owner == owner)
                )
            ).one_or_none()
            if found is None:
                raise NotFound("There is no such job.")
            files = await connection.execute(
                select(job_files).where(job_files.c.job_id == job).order_by(job_files.c.file)
            )
            return _job(found, [_file(row) for row in files])

    async def list(
        self, owner: str, *, limit: int, before: str | None = None, status: str | None = None
    ) -> Sequence[Job]:
        """Jobs without their files, the newest first.

        Args:
            owner: whose.
            limit: how many at most.
            before: only those made before the job with this id.
            status: only those in this state.
        """
        query = select(jobs).where(jobs.c.owner == owner)
        if before is not None:
            query = query.where(jobs.c.id < before)
        if status is not None:
            query = query.where(jobs.c.status == status)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(jobs.c.id.desc()).limit(limit))
            return [_job(row) for row in rows]

    async def pages(
        self, job: str, *, after: int = 0, file: int | None = None, limit: int = 100
    ) -> Sequence[EndedPage]:
        """Pages that have their outcome, in the order in which they got it.

        Args:
            job: its id; whether the caller may see it was asked before.
            after: only those with a higher event number.
            file: only those of this file, in the order of their numbers.
            limit: how many at most.
        """
        query = (
            select(job_pages, job_files.c.name)
            .join_from(
                job_pages,
                job_files,
                (job_files.c.job_id == job_pages.c.job_id) & (job_files.c.file == job_pages.c.file),
            )
            .where(job_pages.c.job_id == job, job_pages.c.event > after)
        )
        if file is None:
            query = query.order_by(job_pages.c.event)
        else:
            query = query.where(job_pages.c.file == file).order_by(job_pages.c.page)
        async with self._database.read() as connection:
            return [_ended_page(row) for row in await connection.execute(query.limit(limit))]

    async def cancel(self, owner: str, job: str) -> Job:
        """End a job now; of its pages nothing is written any more. Does nothing to an ended one.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        async with self._database.write() as connection:
            row = (
                await connection.execute(
                    select(jobs.c.status)
                    .where(jobs.c.id == job, jobs.c.owner == owner)
                    .with_for_update()
                )
            ).one_or_none()
            if row is None:
                raise NotFound("There is no such job.")
            if row.status not in ENDED:
                now = await moment(connection)
                await connection.execute(
                    update(jobs)
                    .where(jobs.c.id == job)
                    .values(status="cancelled", finished_at=now, last_event=jobs.c.last_event + 1)
                )
                await connection.execute(
                    update(job_pages)
                    .where(job_pages.c.job_id == job, job_pages.c.status.in_(("queued", "running")))
                    .values(status="cancelled", ready_at=None, lease_owner=None)
                )
                await release_webhooks(connection, [job], now)
        return await self.get(owner, job)

    async def ended_among(self, ids: Iterable[str]) -> dict[str, JobStatus]:
        """Those of the jobs that have ended, with their states."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(jobs.c.id, jobs.c.status).where(
                    jobs.c.id.in_(list(ids)), jobs.c.status.in_(ENDED)
                )
            )
            return {row.id: row.status for row in rows}

    async def known_among(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of the ids that are jobs which have not ended."""
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(jobs.c.id).where(jobs.c.id.in_(list(ids)), jobs.c.status.not_in(ENDED))
            )
            return frozenset(rows)

    async def open_count(self) -> int:
        """Jobs that wait or run, of all owners."""
        is_open = jobs.c.status.in_(("queued", "running"))
        async with self._database.read() as connection:
            return await connection.scalar(select(func.count()).where(is_open)) or 0

    async def forget(self, older_than: timedelta, limit: int = 100) -> int:
        """Remove jobs that ended longer ago; how many."""
        async with self._database.write() as connection:
            before = await moment(connection) - older_than
            old = await connection.scalars(
                select(jobs.c.id).where(jobs.c.finished_at < before).limit(limit)
            )
            ids = list(old)
            for table, column in (
                (job_pages, job_pages.c.job_id),
                (job_files, job_files.c.job_id),
                (webhooks, webhooks.c.job_id),
                (jobs, jobs.c.id),
            ):
                await connection.execute(delete(table).where(column.in_(ids)))
            return len(ids)

    async def _by_key(self, owner: str, key: str | None) -> Job | None:
        if key is None:
            return None
        async with self._database.read() as connection:
            found = await connection.scalar(
                select(jobs.c.id).where(jobs.c.owner == owner, jobs.c.idempotency_key == key)
            )
        return None if found is None else await self.get(owner, found)


def _job_values(new: NewJob, now: datetime) -> dict[str, Any]:
    return {
        "id": new.id,
        "owner": new.owner,
        "status": "queued",
        "priority": new.priority,
        "idempotency_key": new.idempotency_key,
        "request_hash": new.request_hash,
        "request_id": new.request_id,
        "options": new.options,
        "requirements": new.requirements,
        "webhook_url": new.webhook_url,
        "files_uncounted": sum(file.pages is None for file in new.files),
        "pages_known": sum(file.pages or 0 for file in new.files),
        "pages_done": 0,
        "pages_failed": 0,
        "last_event": 0,
        "created_at": now,
        "served_at": now,
    }


def _file_values(new: NewJob) -> list[dict[str, Any]]:
    return [
        {
            "job_id": new.id,
            "file": number,
            "name": file.name,
            "kind": file.kind,
            "sha256": file.sha256,
            "size": file.size,
            "blob": file.blob,
            "pages_total": file.pages,
        }
        for number, file in enumerate(new.files, 1)
    ]


def _page_values(new: NewJob, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "job_id": new.id,
            "file": number,
            "page": page,
            "status": "queued",
            "attempts": 0,
            "fence": 0,
            "ready_at": now,
        }
        for number, file in enumerate(new.files, 1)
        for page in ([0] if file.pages is None else range(1, file.pages + 1))
    ]


def _job(row: Row[Any], files: Iterable[JobFile] = ()) -> Job:
    return Job(
        id=row.id,
        owner=row.owner,
        status=row.status,
        priority=row.priority,
        request_hash=row.request_hash,
        options=row.options,
        requirements=row.requirements,
        webhook_url=row.webhook_url,
        pages_total=None if row.files_uncounted else row.pages_known,
        pages_done=row.pages_done,
        pages_failed=row.pages_failed,
        last_event=row.last_event,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        files=tuple(files),
    )


def _file(row: Row[Any]) -> JobFile:
    return JobFile(row.file, row.name, row.kind, row.sha256, row.size, row.pages_total)


def _ended_page(row: Row[Any]) -> EndedPage:
    error = None if row.error is None else PageError(**json.loads(row.error))
    result = None if row.result is None else _decoder.decode(zlib.decompress(row.result))
    return EndedPage(row.event, row.file, row.name, row.page, result, error)


_decoder = msgspec.json.Decoder(PageResult)
