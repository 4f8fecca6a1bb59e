"""POST /api/ocr/recognize and /api/ocr/recognize-with-requirements."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..domain import OcrResult, PageResult, Requirements
from ..errors import (
    BadInput,
    DeadlineExceeded,
    EngineFault,
    EngineLost,
    EngineUnavailable,
    FetchFailed,
    Forbidden,
    InvalidRequest,
    MaoOCRError,
    NotFound,
    Overloaded,
    PageTooComplex,
    PasswordProtected,
    ShuttingDown,
    StorageFull,
    TooLarge,
    UnknownEngine,
    UnreadableDocument,
    UnsupportedMedia,
    UploadTimeout,
)
from ..exports import STRUCTURED, formats, page_object
from ..service.options import parse_options
from ..service.recognizer import CacheUse, StreamBegun
from ..service.requirements import parse_requirements
from .auth import share_of
from .body import while_connected
from .gateway import gateway_of
from .intake import Intake
from .openapi import recognize_answers, recognize_operation
from .problems import documented
from .recording import Recording
from .schemas import RecognizeReply

__all__ = ["router"]

router = APIRouter(tags=["recognition"])

StreamItem = StreamBegun | PageResult | OcrResult

_ANSWERS = recognize_answers() | documented(
    BadInput,
    InvalidRequest,
    UnreadableDocument,
    PasswordProtected,
    PageTooComplex,
    TooLarge,
    UnsupportedMedia,
    UploadTimeout,
    FetchFailed,
    Forbidden,
    NotFound,
    UnknownEngine,
    Overloaded,
    ShuttingDown,
    StorageFull,
    DeadlineExceeded,
    EngineFault,
    EngineLost,
    EngineUnavailable,
)


@router.post(
    "/api/ocr/recognize",
    response_model=RecognizeReply,
    responses=_ANSWERS,
    openapi_extra=recognize_operation(with_requirements=False),
)
async def recognize(request: Request) -> Response:
    """Read the text of an image or a document."""
    return await _recognize(request)


@router.post(
    "/api/ocr/recognize-with-requirements",
    response_model=RecognizeReply,
    responses=_ANSWERS,
    openapi_extra=recognize_operation(with_requirements=True),
)
async def recognize_with_requirements(request: Request) -> Response:
    """Read the text of an image or a document with the engine that suits what is required."""
    return await _recognize(request)


async def _recognize(request: Request) -> Response:
    started = time.monotonic()
    gateway = gateway_of(request)
    # What stands in the address is wrong before the body has come.
    parse_options(request.query_params)
    _format(request.query_params)
    intake = await gateway.intake.read(request, share_of(request.scope))
    gateway.metrics.upload_bytes.observe(intake.upload.size)
    try:
        answer_format = _format(intake.fields)
        call = _call(request, intake, answer_format)
    except MaoOCRError:
        intake.upload.release()
        raise
    recording = Recording(request, intake, call["requirements"])
    try:
        await recording.begin()
    except BaseException:
        intake.upload.release()
        raise
    cache = _cache_use(request)
    if answer_format == "jsonl":
        pages = gateway.recognizer.stream(recording.document, **call, cache=cache)
        return await _streamed(request, pages, recording)
    work = gateway.recognizer.recognize(recording.document, **call, cache=cache)
    result = await while_connected(request, work)
    found = "hit" if result.cached else "shared" if result.shared else "miss"
    took = time.monotonic() - started
    timings = replace(result.timings, upload_s=intake.upload_s, total_s=took)
    answer = await recording.finish(replace(result, timings=timings))
    headers = _cache_headers(found, result.cache_key) | recording.headers
    if answer_format != "json":
        chosen = formats[answer_format]
        return Response(chosen.write(result), headers=headers, media_type=chosen.media_type)
    return Response(answer, headers=headers, media_type="application/json")


def _call(request: Request, intake: Intake, answer_format: str) -> dict[str, Any]:
    """The keyword arguments for the recognizer."""
    options = parse_options(intake.fields)
    if answer_format in STRUCTURED:
        options = replace(options, structure=True)
    engine = intake.fields.get("engine") or None
    if engine is not None and not isinstance(engine, str):
        raise InvalidRequest("engine: a text is expected.")
    return {
        "options": options,
        "requirements": _requirements(intake.fields),
        "engine": engine,
        "client": share_of(request.scope),
    }


def _requirements(fields: Mapping[str, Any]) -> Requirements | None:
    given = fields.get("requirements")
    if given is None or given == "":
        return None
    if isinstance(given, str):
        try:
            given = msgspec.json.decode(given)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            raise InvalidRequest("requirements: this is not valid JSON.") from None
    if not isinstance(given, dict):
        raise InvalidRequest("requirements: a JSON object is expected.")
    return parse_requirements(given)


def _format(fields: Mapping[str, Any]) -> str:
    chosen = fields.get("format") or "json"
    if isinstance(chosen, str) and chosen in formats:
        return chosen
    raise InvalidRequest(f"format: {chosen!r:.60} is not known. Known are {', '.join(formats)}.")


def _cache_use(request: Request) -> CacheUse:
    """What Cache-Control asks for (RFC 9111, section 5.2.1)."""
    wishes = {part.strip() for part in request.headers.get("cache-control", "").lower().split(",")}
    if "no-store" in wishes:
        return "off"
    return "refresh" if "no-cache" in wishes else "use"


def _cache_headers(found: str, key: str | None) -> dict[str, str]:
    return {"X-Cache": found} | ({"X-Cache-Key": key} if key else {})


async def _streamed(
    request: Request, stream: AsyncGenerator[StreamItem], recording: Recording
) -> Response:
    """One page a line, each as soon as it is there; a failure before the first is an answer."""
    begun, first = await while_connected(request, _begin(stream))
    headers = _cache_headers("hit" if begun.is_cached else "miss", begun.cache_key)
    headers |= recording.headers | {"X-Pages-Total": str(begun.pages_coming)}
    # Nginx, whoever's it is, would gather the pages otherwise.
    headers["X-Accel-Buffering"] = "no"

    async def lines() -> AsyncIterator[bytes]:
        async with aclosing(stream):
            page = first
            for _ in range(begun.pages_coming - 1):
                yield _page_line(page)
                page = cast(PageResult, await anext(stream))
            await recording.finish_stream(cast(OcrResult, await anext(stream)))
        yield _page_line(page)

    return StreamingResponse(lines(), headers=headers, media_type="application/x-ndjson")


async def _begin(stream: AsyncGenerator[StreamItem]) -> tuple[StreamBegun, PageResult]:
    """What the stream tells first, and its first page."""
    return cast(StreamBegun, await anext(stream)), cast(PageResult, await anext(stream))


def _page_line(page: PageResult) -> bytes:
    return msgspec.json.encode(page_object(page)) + b"\n"
