"""The work on the pages of jobs: claimed under a lease, written only while its fence holds.

Whoever changes pages holds the row of their job first, so that counters and states agree and nobody
waits in a circle. Renewing a lease is the exception: it takes only rows that nobody holds.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Row, delete, exists, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .job_changes import Change, packed
from .job_rows import (
    ENDED,
    Claim,
    Counted,
    Ended,
    Outcome,
    PageKey,
    Read,
    Retry,
    Spoiled,
)
from .tables import job_files, job_pages, jobs
from .usage import PagesUsed
from .webhooks import moment, release_webhooks

__all__ = ["JobPages"]

JOBS_OF_AN_OWNER = 4
"""Of each owner, that one claim looks at."""
OWNERS_AT_ONCE = 50


class JobPages:
    """The pages that wait in one database, for one runner."""

    def __init__(self, database: Database, runner: str, lease_s: float) -> None:
        """Make it.

        Args:
            database: that all replicas share.
            runner: an id that no other runner ever had.
            lease_s: seconds that a claim holds unless it is renewed.
        """
        self._database = database
        self._runner = runner
        self._lease = timedelta(seconds=lease_s)

    async def wait_ready(self) -> None:
        """Return when the database can be used."""
        await self._database.wait_ready()

    async def claim(self, most: int) -> Sequence[Claim]:
        """Lease pages to this runner: by priority, then in turn over owners and their jobs.

        Pages whose lease ran out are given like those that nobody had.
        """
        async with self._database.read() as connection:
            candidates = await self._candidates(connection)
        claims: list[Claim] = []
        for _, group in groupby(candidates, key=lambda row: (row.priority, row.turn)):
            peers = list(group)
            for index, row in enumerate(peers):
                share = -(-(most - len(claims)) // (len(peers) - index))
                if share > 0:
                    claims += await self._claim_of(row.id, share)
        return claims

    async def next_in_s(self) -> float | None:
        """Seconds until a page becomes claimable that is not yet; None when there is none."""
        async with self._database.read() as connection:
            now = await moment(connection)
            soonest = await connection.scalar(
                select(func.min(job_pages.c.ready_at)).where(job_pages.c.ready_at > now)
            )
        return None if soonest is None else (soonest - now).total_seconds()

    async def renew(self) -> frozenset[tuple[PageKey, int]]:
        """Prolong all leases of this runner; the pages that it still has, with their fences."""
        mine = (job_pages.c.lease_owner == self._runner) & (job_pages.c.status == "running")
        key = (job_pages.c.job_id, job_pages.c.file, job_pages.c.page)
        async with self._database.write() as connection:
            held = (await connection.execute(select(*key, job_pages.c.fence).where(mine))).all()
            free = await connection.execute(
                select(*key).where(mine).with_for_update(skip_locked=True)
            )
            keys = [tuple(row) for row in free]
            until = await moment(connection) + self._lease
            if keys:
                await connection.execute(
                    update(job_pages).where(tuple_(*key).in_(keys), mine).values(ready_at=until)
                )
        return frozenset(((row.job_id, row.file, row.page), row.fence) for row in held)

    async def write(self, outcomes: Sequence[tuple[Claim, Outcome]]) -> Ended:
        """Write outcomes, each only if its fence holds and its job has not ended, all at once."""
        prepared = [(claim, outcome, packed(outcome)) for claim, outcome in outcomes]
        refused: set[PageKey] = set()
        by_job: dict[str, Change] = {}
        used = PagesUsed()
        async with self._database.write() as connection:
            now = await moment(connection)
            states = await self._hold({claim.job for claim, _ in outcomes}, connection)
            for claim, outcome, values in prepared:
                row = states.get(claim.job)
                if row is None or row.status in ENDED:
                    refused.add(claim.key)
                    continue
                change = by_job.setdefault(claim.job, Change(row))
                if not await self._write_one(connection, claim, outcome, values, change, now):
                    refused.add(claim.key)
                elif isinstance(outcome, Read):
                    used.add(row.owner, outcome.result)
            await used.count(connection, now.astimezone(UTC).date())
            for job, change in by_job.items():
                await connection.execute(
                    update(jobs).where(jobs.c.id == job).values(change.values(now))
                )
            over = [job for job, change in by_job.items() if change.status in ENDED]
            await release_webhooks(connection, over, now)
        status = {job: row.status for job, row in states.items()}
        status |= {job: change.status for job, change in by_job.items()}
        return Ended(frozenset(refused), status)

    async def give_back(self, claims: Collection[Claim]) -> None:
        """End leases as if they had never been, for others to take."""
        if claims:
            await self.write([(claim, Retry(has_failed=False)) for claim in claims])

    async def _candidates(self, connection: AsyncConnection) -> Sequence[Any]:
        now = await moment(connection)
        waits = exists().where(job_pages.c.job_id == jobs.c.id, job_pages.c.ready_at <= now)
        turns = (
            select(
                jobs.c.id,
                jobs.c.priority,
                func.row_number()
                .over(
                    partition_by=(jobs.c.owner, jobs.c.priority),
                    order_by=(jobs.c.served_at, jobs.c.id),
                )
                .label("turn"),
                func.max(jobs.c.served_at).over(partition_by=jobs.c.owner).label("owner_served_at"),
            )
            .where(jobs.c.status.in_(("queued", "running")), waits)
            .subquery()
        )
        found = await connection.execute(
            select(turns.c.id, turns.c.priority, turns.c.turn)
            .where(turns.c.turn <= JOBS_OF_AN_OWNER)
            .order_by(turns.c.priority.desc(), turns.c.turn, turns.c.owner_served_at, turns.c.id)
            .limit(OWNERS_AT_ONCE)
        )
        return found.all()

    async def _claim_of(self, job: str, most: int) -> list[Claim]:
        async with self._database.write() as connection:
            states = await self._hold({job}, connection)
            if job not in states or states[job].status in ENDED:
                return []
            now = await moment(connection)
            rows = (await connection.execute(_claimable(job, now, most))).all()
            for row in rows:
                await connection.execute(
                    update(job_pages)
                    .where(_is_page(job, row.file, row.page))
                    .values(
                        status="running",
                        fence=row.fence + 1,
                        lease_owner=self._runner,
                        ready_at=now + self._lease,
                    )
                )
            if rows:
                values = {"status": "running", "served_at": now}
                values["started_at"] = states[job].started_at or now
                await connection.execute(update(jobs).where(jobs.c.id == job).values(values))
        return [_claim(states[job], row) for row in rows]

    @staticmethod
    async def _hold(ids: Collection[str], connection: AsyncConnection) -> dict[str, Row[Any]]:
        """Keep everybody else from these jobs and their pages until the transaction ends."""
        rows = await connection.execute(
            select(jobs).where(jobs.c.id.in_(sorted(ids))).order_by(jobs.c.id).with_for_update()
        )
        return {row.id: row for row in rows}

    async def _write_one(
        self,
        connection: AsyncConnection,
        claim: Claim,
        outcome: Outcome,
        values: dict[str, Any],
        change: Change,
        now: datetime,
    ) -> bool:
        """Whether the fence held."""
        if isinstance(outcome, Retry):
            values["ready_at"] = now + timedelta(seconds=outcome.after_s)
            values["attempts"] = claim.attempts + outcome.has_failed
        elif not isinstance(outcome, Counted):
            values["event"] = change.last_event + 1
        if isinstance(outcome, Spoiled) and claim.page == 0:
            # A file that cannot be opened stands as one page that failed.
            values["page"] = 1
        written = await connection.execute(
            update(job_pages)
            .where(
                _is_page(*claim.key),
                job_pages.c.fence == claim.fence,
                job_pages.c.lease_owner == self._runner,
                job_pages.c.status == "running",
            )
            .values(lease_owner=None, **values)
        )
        if written.rowcount != 1:
            return False
        change.add(claim, outcome)
        if claim.page == 0 and not isinstance(outcome, Retry):
            await _write_count(connection, claim, outcome, now)
        return True


def _is_page(job: str, file: int, page: int) -> Any:
    return (job_pages.c.job_id == job) & (job_pages.c.file == file) & (job_pages.c.page == page)


def _claimable(job: str, now: datetime, most: int) -> Any:
    return (
        select(
            job_pages.c.file,
            job_pages.c.page,
            job_pages.c.fence,
            job_pages.c.attempts,
            job_pages.c.status,
            job_files.c.sha256,
            job_files.c.size,
            job_files.c.kind,
            job_files.c.blob,
        )
        .join_from(
            job_pages,
            job_files,
            (job_files.c.job_id == job_pages.c.job_id) & (job_files.c.file == job_pages.c.file),
        )
        .where(job_pages.c.job_id == job, job_pages.c.ready_at <= now)
        .order_by(job_pages.c.file, job_pages.c.page)
        .limit(most)
        .with_for_update(of=job_pages, skip_locked=True)
    )


def _claim(job: Row[Any], row: Row[Any]) -> Claim:
    return Claim(
        job=job.id,
        file=row.file,
        page=row.page,
        fence=row.fence + 1,
        attempts=row.attempts,
        was_taken_over=row.status == "running",
        sha256=row.sha256,
        size=row.size,
        kind=row.kind,
        blob=row.blob,
        options=job.options,
        requirements=job.requirements,
        request_id=job.request_id,
    )


async def _write_count(
    connection: AsyncConnection, claim: Claim, outcome: Outcome, now: datetime
) -> None:
    pages = outcome.pages if isinstance(outcome, Counted) else [1]
    await connection.execute(
        update(job_files)
        .where(job_files.c.job_id == claim.job, job_files.c.file == claim.file)
        .values(pages_total=len(pages))
    )
    if not isinstance(outcome, Counted):
        return
    await connection.execute(delete(job_pages).where(_is_page(*claim.key)))
    new: dict[str, Any] = {"job_id": claim.job, "file": claim.file, "status": "queued"}
    new |= {"attempts": 0, "fence": 0, "ready_at": now}
    await connection.execute(insert(job_pages), [new | {"page": page} for page in pages])
