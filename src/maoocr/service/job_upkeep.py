"""Forgets old jobs, and uploads that belong to none; counts the jobs that are not over."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ..errors import Refused
from ..store.ids import new_id
from ..telemetry.metrics import Metrics
from .job_ports import Blobs, JobRows

__all__ = ["JobCensus", "JobUpkeep"]

log = logging.getLogger("maoocr.jobs")

EVERY_S = 3600.0
COUNT_EVERY_S = 15.0
"""As often as metrics are usually looked at."""
ROWS_AT_ONCE = 100
UPLOAD_S = 86_400.0
"""After which an upload without a job is no longer one that is on its way."""


class JobUpkeep:
    """Looks every hour, in every replica: doing it twice does no harm."""

    def __init__(self, rows: JobRows, blobs: Blobs, keep_days: float) -> None:
        self._rows = rows
        self._blobs = blobs
        self._keep = timedelta(days=keep_days)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except Refused as refusal:
                log.info("jobs are not tidied now", extra={"reason": refusal.message})
            except Exception:
                log.exception("jobs cannot be tidied")
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Forget what is old now."""
        while await self._rows.forget(self._keep, ROWS_AT_ONCE) == ROWS_AT_ONCE:
            pass
        oldest = _id_before(UPLOAD_S)
        old = [group for group in await self._blobs.groups() if group < oldest]
        for start in range(0, len(old), ROWS_AT_ONCE):
            await self._sweep(old[start : start + ROWS_AT_ONCE])

    async def _sweep(self, groups: Sequence[str]) -> None:
        known = await self._rows.known_among(groups)
        for group in groups:
            if group not in known:
                await self._blobs.remove(group)


class JobCensus:
    """Tells how many jobs wait or run; every replica tells the same of all."""

    def __init__(self, rows: JobRows, metrics: Metrics) -> None:
        self._rows = rows
        self._metrics = metrics

    async def run(self) -> None:
        """Count until cancelled; while the database is away the last number stands."""
        while True:
            try:
                await self.count()
            except Refused:
                pass
            except Exception:
                log.exception("jobs cannot be counted")
            await asyncio.sleep(COUNT_EVERY_S)

    async def count(self) -> None:
        """Count now."""
        self._metrics.jobs_open.set(await self._rows.open_count())


def _id_before(seconds: float) -> str:
    """An id as it would have been made so long ago: ids sort by their moment."""
    return new_id(datetime.now(UTC) - timedelta(seconds=seconds))
