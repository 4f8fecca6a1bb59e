"""Deliveries of the news that a job has ended: leased, tried again, kept in a log."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import exists, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .job_rows import Job
from .tables import jobs, webhooks

__all__ = ["DueWebhook", "WebhookRows", "moment", "release_webhooks"]


async def moment(connection: AsyncConnection) -> datetime:
    """Now, by the clock that all replicas share: that of the database server."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    return cast(datetime, await connection.scalar(text("SELECT clock_timestamp()")))


async def release_webhooks(
    connection: AsyncConnection, ended: Collection[str], now: datetime
) -> None:
    """Let the webhooks of these jobs be delivered."""
    if ended:
        await connection.execute(
            update(webhooks).where(webhooks.c.job_id.in_(list(ended))).values(ready_at=now)
        )


@dataclass(frozen=True, slots=True)
class DueWebhook:
    """One that is to be delivered now; `attempts` counts this one."""

    job: str
    owner: str
    url: str
    attempts: int


class WebhookRows:
    """Deliveries in one database; each call may raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, lease_s: float) -> DueWebhook | None:
        """The next one that is due, which nobody else gets before the lease is over."""
        async with self._database.read() as connection:
            # Mostly there is none, and a writer would keep others waiting to find that out.
            now = await moment(connection)
            if not await connection.scalar(select(exists().where(webhooks.c.ready_at <= now))):
                return None
        async with self._database.write() as connection:
            now = await moment(connection)
            row = (
                await connection.execute(
                    select(webhooks.c.job_id, webhooks.c.attempts)
                    .where(webhooks.c.ready_at <= now)
                    .order_by(webhooks.c.ready_at)
                    .limit(1)
                    .with_for_update(skip_locked=True)
                )
            ).one_or_none()
            if row is None:
                return None
            await connection.execute(
                update(webhooks)
                .where(webhooks.c.job_id == row.job_id)
                .values(attempts=row.attempts + 1, ready_at=now + timedelta(seconds=lease_s))
            )
            job = (
                await connection.execute(
                    select(jobs.c.owner, jobs.c.webhook_url).where(jobs.c.id == row.job_id)
                )
            ).one()
        return DueWebhook(row.job_id, job.owner, job.webhook_url, row.attempts + 1)

    async def record(
        self, due: DueWebhook, entry: dict[str, Any], status: str, again_s: float | None
    ) -> None:
        """Write down an attempt.

        Args:
            due: what was tried.
            entry: how it went, for the log.
            status: `waiting`, `delivered` or `failed`.
            again_s: seconds until the next attempt; None when there is to be none.
        """
        async with self._database.write() as connection:
            now = await moment(connection)
            log = await connection.scalar(
                select(webhooks.c.log).where(webhooks.c.job_id == due.job).with_for_update()
            )
            entries = [*json.loads(log or "[]"), {"at": now.isoformat(), **entry}]
            again = None if again_s is None else now + timedelta(seconds=again_s)
            await connection.execute(
                update(webhooks)
                .where(webhooks.c.job_id == due.job, webhooks.c.attempts == due.attempts)
                .values(status=status, ready_at=again, log=json.dumps(entries))
            )

    async def state(self, job: Job) -> dict[str, Any] | None:
        """Status and log of a job's webhook; None when it has none."""
        if job.webhook_url is None:
            return None
        async with self._database.read() as connection:
            row = (
                await connection.execute(
                    select(webhooks.c.status, webhooks.c.log).where(webhooks.c.job_id == job.id)
                )
            ).one_or_none()
        return None if row is None else {"status": row.status, "attempts": json.loads(row.log)}
