"""GET /api/ocr/jobs/{id}/events: how a job goes, as it goes (server-sent events).

The numbers of the events are those of the rows, so any replica can go on where another stopped.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..errors import NotFound, RateLimited, StoreUnavailable
from ..store.job_rows import EndedPage, Job
from .auth import caller_of
from .gateway import gateway_of
from .job_replies import eta_s, job_object
from .jobs import JobId
from .leaving import leaving, until
from .problems import documented

__all__ = ["Progress", "router"]

router = APIRouter(tags=["jobs"])

HEARTBEAT_S = 10.0
RETRY_MS = 1000

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`job`, `page` and `end` events",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "Everything was told already"},
}


class Progress:
    """Turns reports of a job into events: each page once, and the job when it has changed."""

    def __init__(self) -> None:
        self._seen: dict[str, Any] = {}

    def events(self, job: Job, pages: Sequence[EndedPage]) -> list[tuple[str, int | None, Any]]:
        """Name, number and JSON values of each event; an `end` is the last there ever is."""
        found: list[tuple[str, int | None, Any]] = []
        for page in pages:
            found.append(("page", page.event, _page(job, page)))
        values = job_object(job)
        seen = {name: value for name, value in values.items() if name != "eta_s"}
        if seen != self._seen:
            self._seen = seen
            found.append(("job", None, values))
        return found

    @staticmethod
    def end(job: Job) -> tuple[str, int | None, Any]:
        """The event of a job that has ended."""
        return "end", job.last_event, job_object(job)


@router.get(
    "/api/ocr/jobs/{id}/events",
    response_class=Response,
    responses=_ANSWERS | documented(NotFound, RateLimited, StoreUnavailable),
)
async def job_events(
    request: Request,
    id: JobId,
    after: Annotated[
        int, Query(ge=0, le=2**31 - 1, description="Event of the last page seen.")
    ] = 0,
) -> Response:
    """Follow a job: `page` for each page that ends, `job` when the job has changed, `end` at last.

    `Last-Event-ID` resumes after the event of that number, through any replica.
    """
    last = request.headers.get("last-event-id", "")
    if last.isascii() and last.isdigit() and len(last) <= 9:
        after = int(last)
    jobs, owner = gateway_of(request).jobs, caller_of(request).owner
    job = await jobs.get(owner, id)
    if job.has_ended and after >= job.last_event:
        # A browser that is told so does not come again.
        return Response(status_code=204)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    reports = jobs.follow(owner, id, after=after)
    stream = _stream(reports, leaving(request.scope))
    return StreamingResponse(stream, headers=headers, media_type="text/event-stream")


async def _stream(
    reports: AsyncGenerator[tuple[Job, Sequence[EndedPage]]], leave: asyncio.Event
) -> AsyncIterator[bytes]:
    progress = Progress()
    sent = time.monotonic()
    job: Job | None = None
    yield b"retry: %d\n\n" % RETRY_MS
    async with aclosing(reports), aclosing(until(reports, leave)) as told:
        async for job, pages in told:
            events = progress.events(job, pages)
            if events:
                sent = time.monotonic()
                yield b"".join(_message(*event) for event in events)
            elif time.monotonic() - sent > HEARTBEAT_S:
                sent = time.monotonic()
                yield b": still here\n\n"
    if job is not None and job.has_ended and not leave.is_set():
        yield _message(*Progress.end(job))


def _page(job: Job, page: EndedPage) -> dict[str, Any]:
    values: dict[str, Any] = {
        "event": page.event,
        "file": page.name,
        "file_number": page.file,
        "page": page.page,
        "status": "failed" if page.error else "done",
        # Pages are the events but for the last, so their number is how many have ended.
        "pages_ended": page.event,
        "pages_total": job.pages_total,
        "eta_s": eta_s(job, datetime.now(UTC)),
    }
    if page.error:
        values["error"] = {"code": page.error.code, "message": page.error.message}
    return values


def _message(name: str, number: int | None, values: Any) -> bytes:
    head = b"" if number is None else b"id: %d\n" % number
    return head + b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(values))
