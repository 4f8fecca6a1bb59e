"""/api/ocr/history: the answers that were given to the caller."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ..errors import InvalidRequest, NotFound, StorageFull, StoreUnavailable
from ..exports import formats, result_of
from ..store.history_query import Filters
from ..store.history_row import HistoryItem
from ..store.search import parse_query
from .auth import caller_of
from .gateway import gateway_of
from .problems import documented
from .schemas import RecognizeReply

__all__ = ["router"]

router = APIRouter(tags=["history"])

MOST_ITEMS = 100

_READS = documented(InvalidRequest, StoreUnavailable)
_READS_ONE = documented(InvalidRequest, NotFound, StoreUnavailable)
_WRITES = documented(InvalidRequest, NotFound, StoreUnavailable, StorageFull)

Name = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9._-]{0,64}$")]
Moment = AwareDatetime | date
Format = Annotated[str, Query(description=f"One of {', '.join(formats)}.")]


class HistoryItemModel(RecognizeReply):
    """An answer as it was given."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    created_at: datetime
    """In UTC."""


class HistoryReply(BaseModel):
    """Answers, the newest first."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    items: list[HistoryItemModel]
    next_cursor: str | None
    """For `cursor`, to get what follows; null at the end."""


class DeletedReply(BaseModel):
    """How many answers are gone."""

    deleted: int


@router.get("/api/ocr/history", response_model=HistoryReply, responses=_READS)
async def list_history(
    request: Request,
    q: str = "",
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=MOST_ITEMS)] = 20,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    engine: Name = None,
    document_type: Name = None,
    min_confidence: Annotated[float | None, Query(ge=0, le=1)] = None,
) -> Response:
    """The caller's answers, the newest first; `q` searches in their text.

    All words of `q` must be there, the last one may be a beginning. `from` and `to` are moments
    with a time zone or days in UTC, both included. There may be fewer than `limit` where answers
    are long.
    """
    before = _position(cursor) if cursor else None
    wanted = parse_query(q)
    if q.strip() and wanted is None:
        # There is nothing in it that a text could have.
        return _json({"items": [], "next_cursor": None})
    filters = Filters(
        wanted=wanted,
        since=None if since is None else _begins(since),
        until=None if until is None else _ends(until),
        engine=engine or None,
        document_type=document_type or None,
        min_confidence=min_confidence,
    )
    history, owner = gateway_of(request).history, caller_of(request).owner
    page = await history.page(owner, filters, before=before, limit=limit)
    following = None if page.next_before is None else _cursor(page.next_before)
    return _json({"items": [_item(item) for item in page.items], "next_cursor": following})


@router.delete("/api/ocr/history", responses=_WRITES)
async def delete_history(request: Request) -> DeletedReply:
    """Delete all of the caller's answers."""
    deleted = await gateway_of(request).history.delete_all(caller_of(request).owner)
    return DeletedReply(deleted=deleted)


@router.get("/api/ocr/history/{id}", response_model=HistoryItemModel, responses=_READS_ONE)
async def get_history(request: Request, id: str) -> Response:
    """One answer of the caller."""
    item = await _found(request, id)
    return Response(_item(item), media_type="application/json")


@router.delete("/api/ocr/history/{id}", status_code=204, responses=_WRITES)
async def delete_history_item(request: Request, id: str) -> Response:
    """Delete one answer of the caller."""
    if not await gateway_of(request).history.delete(caller_of(request).owner, _checked(id)):
        raise _missing(id)
    return Response(status_code=204)


@router.get("/api/ocr/history/{id}/export", response_class=Response, responses=_READS_ONE)
async def export_history(request: Request, id: str, format: Format = "json") -> Response:
    """One answer of the caller as a file of any format."""
    chosen = formats.get(format)
    if chosen is None:
        raise InvalidRequest(
            f"format: {format!r:.60} is not known. Known are {', '.join(formats)}."
        )
    item = await _found(request, id)
    values: Mapping[str, Any] = msgspec.json.decode(item.answer)
    name = f"maoocr-{item.id}{chosen.suffix}"
    return Response(
        chosen.write(result_of(values)),
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
        media_type=chosen.media_type,
    )


@router.get("/api/ocr/history/{id}/thumbnail", response_class=Response, responses=_READS_ONE)
async def history_thumbnail(request: Request, id: str) -> Response:
    """A small picture of the first page, a WebP; 404 where there is none."""
    history, owner = gateway_of(request).history, caller_of(request).owner
    picture = await history.thumbnail(owner, _checked(id))
    if picture is None:
        raise _missing(id)
    headers = {"Cache-Control": "private, max-age=86400, immutable"}
    return Response(picture, headers=headers, media_type="image/webp")


@router.get("/api/ocr/history/{id}/original", response_class=Response, responses=_READS_ONE)
async def history_original(request: Request, id: str) -> Response:
    """What was uploaded; 404 where it was not kept."""
    history, owner = gateway_of(request).history, caller_of(request).owner
    found = await history.original(owner, _checked(id))
    if found is None:
        raise _missing(id)
    path, name = found
    # Never as a type that a browser would run.
    return FileResponse(path, filename=name or "document", media_type="application/octet-stream")


async def _found(request: Request, row_id: str) -> HistoryItem:
    history, owner = gateway_of(request).history, caller_of(request).owner
    item = await history.get(owner, _checked(row_id))
    if item is None:
        raise _missing(row_id)
    return item


def _checked(row_id: str) -> str:
    """An id that every database takes."""
    if len(row_id) != 26 or not (row_id.isascii() and row_id.isalnum()):
        raise _missing(row_id)
    return row_id


def _missing(row_id: str) -> NotFound:
    return NotFound(f"There is no {row_id[:40]!r} in your history.")


def _item(item: HistoryItem) -> bytes:
    """The stored answer with its id and its moment, spliced without reading it."""
    moment = item.created_at.astimezone(UTC).isoformat()
    return b'{"id":"%b","created_at":"%b",%b' % (item.id.encode(), moment.encode(), item.answer[1:])


def _json(values: dict[str, Any]) -> Response:
    values["items"] = [msgspec.Raw(item) for item in values["items"]]
    return Response(msgspec.json.encode(values), media_type="application/json")


def _cursor(before: int) -> str:
    return base64.urlsafe_b64encode(b"1:%d" % before).decode().rstrip("=")


def _position(cursor: str) -> int:
    try:
        padded = cursor[:64].encode("ascii") + b"=" * (-len(cursor[:64]) % 4)
        version, _, number = base64.b64decode(padded, b"-_", validate=True).partition(b":")
        position = int(number)
    except (binascii.Error, ValueError):
        version, position = b"", 0
    if version != b"1" or not 0 < position < 2**63:
        raise InvalidRequest("cursor: this is none that `next_cursor` gave.")
    return position


def _begins(moment: Moment) -> datetime:
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time(), UTC)


def _ends(moment: Moment) -> datetime:
    """The moment after the last that is meant."""
    try:
        if isinstance(moment, datetime):
            return moment + timedelta(microseconds=1)
        return datetime.combine(moment, time(), UTC) + timedelta(days=1)
    except OverflowError:
        raise InvalidRequest("to: this is after the end of the calendar.") from None
