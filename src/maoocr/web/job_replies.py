"""The JSON of jobs: as values, and described for OpenAPI."""

import json
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..exports import page_object
from ..store.job_rows import EndedPage, Job
from .schemas import SelectionModel

__all__ = ["JobReply", "JobsReply", "eta_s", "job_object", "result_line"]


class _Model(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class JobFileModel(_Model):
    """A document of a job."""

    number: int = Field(ge=1)
    """In the order in which they came."""
    name: str
    kind: str
    size: int
    """Bytes."""
    sha256: str
    pages_total: int | None
    """Pages that are read of it; null until they are counted."""


class WebhookAttemptModel(_Model):
    """One attempt at a delivery."""

    at: datetime
    status: int | None
    """That the receiver answered with; null when there was no answer."""
    reason: str
    """Why it did not succeed; empty when it did."""


class WebhookModel(_Model):
    """How the webhook of a job fares."""

    status: Literal["waiting", "delivered", "failed"]
    attempts: list[WebhookAttemptModel]


class JobReply(_Model):
    """A job as it stands."""

    id: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    """A job with some failed pages succeeds and counts them; one of which no page could be read has
    failed."""
    priority: int
    pages_total: int | None
    """Null until the pages of all documents are counted."""
    pages_done: int
    pages_failed: int
    eta_s: float | None
    """Seconds that remain, at the pace so far; null while there is none."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    files: list[JobFileModel] | None = None
    """Left out in lists."""
    webhook: WebhookModel | None = None
    """Of a job that has one, where it is shown alone."""
    selection: SelectionModel | None = None
    """How its pages would be read now, in the answer that makes it; each is planned anew when its
    turn comes."""


class JobsReply(_Model):
    """Jobs, the newest first."""

    items: list[JobReply]
    next_cursor: str | None
    """For the next page of the list; null on the last."""


def job_object(job: Job, webhook: dict[str, Any] | None = None) -> dict[str, Any]:
    """JSON values of a job, with the state of its webhook if it is known."""
    values: dict[str, Any] = {
        "id": job.id,
        "status": job.status,
        "priority": job.priority,
        "pages_total": job.pages_total,
        "pages_done": job.pages_done,
        "pages_failed": job.pages_failed,
        "eta_s": eta_s(job, datetime.now(UTC)),
        "created_at": _moment(job.created_at),
        "started_at": _moment(job.started_at),
        "finished_at": _moment(job.finished_at),
    }
    if webhook is not None:
        values["webhook"] = webhook
    if job.files:
        values["files"] = [
            {
                "number": file.number,
                "name": file.name,
                "kind": file.kind,
                "size": file.size,
                "sha256": file.sha256,
                "pages_total": file.pages_total,
            }
            for file in job.files
        ]
    return values


def eta_s(job: Job, now: datetime) -> float | None:
    """Seconds that remain at the moment `now`, as far as the pages that ended tell."""
    if job.has_ended:
        return 0.0
    ended = job.pages_done + job.pages_failed
    if job.pages_total is None or job.started_at is None or not ended:
        return None
    pace_s = max(0.0, (now - job.started_at).total_seconds()) / ended
    return round(pace_s * (job.pages_total - ended), 1)


def result_line(page: EndedPage) -> bytes:
    """One line of the results."""
    values: dict[str, Any] = {"event": page.event, "file": page.name}
    values |= {"file_number": page.file, "page": page.page}
    if page.result is not None:
        found = page_object(page.result)
        del found["number"]
        values |= found
    if page.error is not None:
        error = page.error
        values["error"] = {"code": error.code, "message": error.message}
        values["error"]["retryable"] = error.retryable
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
