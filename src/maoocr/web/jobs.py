"""/api/ocr/jobs: many documents, read in the background."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Path, Query
from python_multipart.multipart import parse_options_header
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..domain import OcrResult, PageResult, Selection, Timings
from ..errors import (
    BadInput,
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    QuotaExceeded,
    RateLimited,
    StorageFull,
    StoreUnavailable,
    TooLarge,
    UnknownEngine,
    UnreadableDocument,
    UnsupportedMedia,
    UploadTimeout,
)
from ..exports import formats, selection_object
from ..exports.archive import file_names, zipped
from ..service.job_draft import Wishes
from ..service.jobs import Jobs
from ..service.language import detect_language
from ..store.job_rows import EndedPage, Job
from .auth import caller_of
from .body import body_chunks
from .gateway import gateway_of
from .job_form import JobForm
from .job_replies import JobReply, JobsReply, job_object, result_line
from .leaving import leaving, until
from .openapi import job_operation
from .problems import documented

__all__ = ["JobId", "router"]

router = APIRouter(tags=["jobs"])

JobId = Annotated[str, Path(pattern="^[0-9A-HJKMNP-TV-Z]{26}$", description="Of the job.")]
DocumentFormat = Literal["text", "markdown", "html", "json", "jsonl", "csv", "hocr", "alto"]

_MADE = documented(
    BadInput,
    InvalidRequest,
    UnreadableDocument,
    TooLarge,
    UnsupportedMedia,
    UploadTimeout,
    Forbidden,
    UnknownEngine,
    Conflict,
    RateLimited,
    QuotaExceeded,
    StorageFull,
    StoreUnavailable,
)
_SEEN = documented(InvalidRequest, NotFound, RateLimited, StoreUnavailable)


@router.post(
    "/api/ocr/jobs",
    status_code=202,
    response_model=JobReply,
    responses=_MADE | {200: {"model": JobReply, "description": "The job of an earlier request"}},
    openapi_extra=job_operation(),
)
async def create_job(request: Request) -> Response:
    """Take many documents to read them in the background.

    The answer comes when the job would survive a power cut. With an `Idempotency-Key` the same
    request gives the same job again, with status 200.
    """
    gateway = gateway_of(request)
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if content_type != b"multipart/form-data":
        raise UnsupportedMedia("Send multipart/form-data with documents under the name 'files'.")
    if not boundary or len(boundary) > 256:
        raise BadInput("The multipart Content-Type has no usable boundary.")
    # What stands in the address is wrong before the body has come.
    _wishes(dict(request.query_params))
    limits, jobs = gateway.settings.limits, gateway.settings.jobs
    body = limits.model_copy(
        update={"max_body_bytes": jobs.max_body_bytes, "upload_seconds": jobs.upload_seconds}
    )
    async with gateway.jobs.draft(caller_of(request).owner) as draft:
        form = JobForm(boundary, gateway.spool, limits.max_body_bytes, draft.add)
        await form.read(body_chunks(request, body, "JOBS"))
        made = await gateway.jobs.submit(
            draft,
            _wishes({**request.query_params, **form.fields}),
            idempotency_key=request.headers.get("idempotency-key"),
            request_id=request.state.request_id,
        )
    headers = {"Location": f"/api/ocr/jobs/{made.job.id}"}
    values = job_object(made.job) | {"selection": selection_object(made.selection)}
    return Response(_json(values), 202 if made.is_new else 200, headers, "application/json")


@router.get("/api/ocr/jobs", response_model=JobsReply, responses=documented(InvalidRequest))
async def list_jobs(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(pattern="^[0-9A-HJKMNP-TV-Z]{26}$")] = None,
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"] | None = None,
) -> Response:
    """The caller's jobs, the newest first."""
    found = await gateway_of(request).jobs.list(
        caller_of(request).owner, limit=limit + 1, before=cursor, status=status
    )
    following = found[limit - 1].id if len(found) > limit else None
    items = [job_object(job) for job in found[:limit]]
    answer = _json({"items": items, "next_cursor": following})
    return Response(answer, media_type="application/json")


@router.get("/api/ocr/jobs/{id}", response_model=JobReply, responses=_SEEN)
async def show_job(request: Request, id: JobId) -> Response:
    """A job with its documents, and how far it is."""
    jobs = gateway_of(request).jobs
    job = await jobs.get(caller_of(request).owner, id)
    values = job_object(job, await jobs.webhook(job))
    return Response(_json(values), media_type="application/json")


@router.delete("/api/ocr/jobs/{id}", response_model=JobReply, responses=_SEEN)
async def cancel_job(request: Request, id: JobId) -> Response:
    """End a job: pages in work are stopped, those that were read stay; nothing if it has ended."""
    job = await gateway_of(request).jobs.cancel(caller_of(request).owner, id)
    return Response(_json(job_object(job)), media_type="application/json")


@router.get(
    "/api/ocr/jobs/{id}/results",
    response_class=Response,
    responses={
        200: {
            "description": "One page a line, or a zip with a file for each document",
            "content": {
                "application/x-ndjson": {"schema": {"type": "string"}},
                "application/zip": {},
            },
        }
    }
    | _SEEN
    | documented(Conflict),
)
async def job_results(
    request: Request,
    id: JobId,
    format: Literal["jsonl", "zip"] = "jsonl",
    after: Annotated[
        int, Query(ge=0, le=2**31 - 1, description="Event of the last page seen.")
    ] = 0,
    follow: Annotated[bool, Query(description="Stay until the job has ended.")] = False,
    document_format: Annotated[
        DocumentFormat, Query(description="Of the documents in a zip.")
    ] = "text",
) -> Response:
    """The pages that ended so far, in that order; or all of an ended job in a zip."""
    jobs, owner = gateway_of(request).jobs, caller_of(request).owner
    job = await jobs.get(owner, id)
    if format == "zip":
        if not job.has_ended:
            raise Conflict("The job has not ended; its pages so far can be had as `jsonl`.")
        headers = {"Content-Disposition": f'attachment; filename="{job.id}.zip"'}
        pieces = zipped(_documents(jobs, job, document_format))
        return StreamingResponse(pieces, headers=headers, media_type="application/zip")
    if follow:
        lines = _followed(jobs, owner, id, after, leaving(request.scope))
    else:
        lines = _lines(jobs, job, after)
    return StreamingResponse(lines, media_type="application/x-ndjson")


async def _lines(jobs: Jobs, job: Job, after: int) -> AsyncIterator[bytes]:
    async with aclosing(jobs.pages(job, after=after)) as pages:
        async for page in pages:
            yield result_line(page)


async def _followed(
    jobs: Jobs, owner: str, job: str, after: int, leave: asyncio.Event
) -> AsyncIterator[bytes]:
    async with (
        aclosing(jobs.follow(owner, job, after=after)) as reports,
        aclosing(until(reports, leave)) as told,
    ):
        async for _, pages in told:
            for page in pages:
                yield result_line(page)


async def _documents(
    jobs: Jobs, job: Job, document_format: DocumentFormat
) -> AsyncIterator[tuple[str, bytes]]:
    """One file for each document, and the job itself."""
    chosen = formats[document_format]
    names = file_names([file.name for file in job.files], chosen.suffix)
    for file, name in zip(job.files, names, strict=True):
        pages = [page async for page in jobs.pages(job, file=file.number)]
        if pages:
            yield name, chosen.write(_result(pages, file.pages_total or len(pages)))
    yield "job.json", msgspec.json.format(_json(job_object(job)), indent=2)


def _result(pages: list[EndedPage], total: int) -> OcrResult:
    """The pages of one document as a recognition would have answered them."""
    found = tuple(page.result or PageResult(page.page, error=page.error) for page in pages)
    engine = next((page.engine for page in found if page.engine), "")
    timings = Timings(
        queue_s=sum(page.queue_s for page in found),
        decode_s=sum(page.decode_s for page in found),
        recognize_s=sum(page.recognize_s for page in found),
    )
    language = detect_language("\n\n".join(page.text for page in found))
    return OcrResult(found, total, Selection(engine), timings, language)


def _wishes(fields: dict[str, Any]) -> Wishes:
    given = fields.get("requirements")
    requirements = None
    if given:
        try:
            requirements = msgspec.json.decode(given)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            raise InvalidRequest("requirements: this is not valid JSON.") from None
        if not isinstance(requirements, dict):
            raise InvalidRequest("requirements: a JSON object is expected.")
    return Wishes(fields, requirements)


def _json(values: dict[str, Any]) -> bytes:
    return msgspec.json.encode(values)
