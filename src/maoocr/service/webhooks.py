"""Tells those who asked for it that their jobs have ended: at least once, signed, with patience."""

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any

from ..errors import Refused
from ..settings import JobSettings
from ..store.job_rows import Job
from ..store.webhooks import DueWebhook
from ..telemetry.metrics import Metrics
from .job_news import RUNNERS
from .job_ports import JobRows, Poster, WebhookRows
from .ports import Wire

__all__ = ["WebhookSender"]

log = logging.getLogger("maoocr.jobs")

LEASE_S = 120.0
"""Longer than an attempt may take; after it another process tries."""
FIRST_BACKOFF_S, BACKOFF = 10.0, 3.0
LONGEST_BACKOFF_S = 3600.0
LOOK_S = 5.0


class WebhookSender:
    """One for each gateway process; any number of them share the deliveries."""

    def __init__(
        self,
        webhooks: WebhookRows,
        rows: JobRows,
        poster: Poster,
        wire: Wire,
        settings: JobSettings,
        metrics: Metrics,
    ) -> None:
        self._webhooks = webhooks
        self._rows = rows
        self._poster = poster
        self._wire = wire
        self._settings = settings
        self._metrics = metrics
        for outcome in ("delivered", "failed"):
            # There from the start, or nobody would see the first one as a rise.
            metrics.webhooks.labels(outcome)

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with self._wire.subscribe(RUNNERS) as news:
            while True:
                try:
                    while await self._deliver():
                        pass
                except Refused:
                    # The database is away, or its disk is full.
                    await asyncio.sleep(LOOK_S)
                except Exception:
                    log.exception("a webhook could not be delivered")
                    await asyncio.sleep(LOOK_S)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await anext(news)

    async def _deliver(self) -> bool:
        """Deliver the next one, if one is due."""
        due = await self._webhooks.take(LEASE_S)
        if due is None:
            return False
        job = await self._rows.get(due.owner, due.job)
        body = json.dumps(_news(job, due)).encode()
        delivery = await self._poster.post(due.url, body, self._settings.webhook_secret)
        entry = {"status": delivery.status, "reason": delivery.reason}
        status, again_s = self._verdict(due, delivery.succeeded)
        await self._webhooks.record(due, entry, status, again_s)
        self._metrics.webhooks.labels("delivered" if delivery.succeeded else "failed").inc()
        return True

    def _verdict(self, due: DueWebhook, succeeded: bool) -> tuple[str, float | None]:
        if succeeded:
            return "delivered", None
        if due.attempts >= self._settings.webhook_attempts:
            return "failed", None
        pause_s = FIRST_BACKOFF_S * BACKOFF ** (due.attempts - 1)
        return "waiting", min(LONGEST_BACKOFF_S, pause_s)


def _news(job: Job, due: DueWebhook) -> dict[str, Any]:
    """What is told; `attempt` alone differs between two deliveries of the same."""
    moments = {"created_at": job.created_at, "finished_at": job.finished_at}
    return {
        "type": "job.ended",
        "attempt": due.attempts,
        "job": {
            "id": job.id,
            "status": job.status,
            "pages_total": job.pages_total,
            "pages_done": job.pages_done,
            "pages_failed": job.pages_failed,
            **{name: moment and moment.isoformat() for name, moment in moments.items()},
        },
    }
