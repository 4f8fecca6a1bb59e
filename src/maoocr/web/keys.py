"""/api/keys for admins, and /api/usage for everybody about himself."""

import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from ..errors import Forbidden, InvalidRequest, NotFound, StorageFull
from ..service.callers import SCOPES
from ..service.keys import MOST_NAME_CHARACTERS, MOST_NUMBER
from ..store.records import ApiKey, UsageDay
from .auth import caller_of
from .gateway import gateway_of
from .problems import documented

__all__ = ["router"]

router = APIRouter(tags=["keys"])

MOST_DAYS = 366
DAYS = 30

_REVOKE_ANSWERS = documented(InvalidRequest, NotFound, StorageFull)

Limit = Annotated[int, Field(ge=1, le=MOST_NUMBER)]


class _Model(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class NewKeyModel(_Model):
    """A key to make."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=MOST_NAME_CHARACTERS)]
    """For people; need not be unique."""
    scopes: Annotated[list[str], Field(json_schema_extra={"items": {"enum": list(SCOPES)}})] = []
    """Left out: all but `admin`."""
    rate_per_minute: Limit | None = None
    """Most requests in a minute; left out, there is no limit."""
    pages_per_month: Limit | None = None
    """Most pages in a month of the calendar, UTC; left out, there is no limit."""
    expires_at: AwareDatetime | None = None
    """When it ends by itself, with a time zone."""


class KeyModel(_Model):
    """A key without its secret."""

    id: str
    name: str
    scopes: list[str]
    rate_per_minute: int | None
    pages_per_month: int | None
    created_at: datetime.datetime
    expires_at: datetime.datetime | None
    revoked_at: datetime.datetime | None
    last_used_at: datetime.datetime | None
    """To within some minutes."""


class MadeKeyModel(KeyModel):
    """A key that was just made."""

    key: str
    """The secret. It is told here and never again."""


class KeysReply(_Model):
    """Every key that was ever made, the newest first."""

    items: list[KeyModel]


class UsageDayModel(_Model):
    """What one key used on one day."""

    owner: str
    """Id of the key; empty where there was none."""
    day: datetime.date
    """In UTC."""
    requests: int
    pages: int
    seconds: float
    """Of the engines."""
    cost: float


class UsageReply(_Model):
    """What was used, by day and key."""

    items: list[UsageDayModel]


@router.post("/api/keys", status_code=201, responses=documented(InvalidRequest, StorageFull))
async def create_key(request: Request, wanted: NewKeyModel) -> MadeKeyModel:
    """Make a key."""
    key, secret = await gateway_of(request).access.keys.create(
        wanted.name,
        wanted.scopes,
        rate_per_minute=wanted.rate_per_minute,
        pages_per_month=wanted.pages_per_month,
        expires_at=wanted.expires_at,
    )
    return MadeKeyModel(**_key_values(key), key=secret)


@router.get("/api/keys", responses=documented())
async def list_keys(request: Request) -> KeysReply:
    """Every key that was ever made, the newest first; without the secrets, which nobody knows."""
    keys = await gateway_of(request).access.keys.all()
    return KeysReply(items=[KeyModel(**_key_values(key)) for key in keys])


@router.delete("/api/keys/{id}", status_code=204, responses=_REVOKE_ANSWERS)
async def revoke_key(request: Request, id: str) -> Response:
    """Revoke a key for good: here at once, in other replicas after some seconds."""
    await gateway_of(request).access.keys.revoke(id)
    return Response(status_code=204)


@router.get("/api/usage", responses=documented(InvalidRequest))
async def usage(
    request: Request,
    first: Annotated[datetime.date | None, Query(alias="from")] = None,
    last: Annotated[datetime.date | None, Query(alias="to")] = None,
    owner: Annotated[str | None, Query(pattern=r"^([0-9A-Z]{26})?$")] = None,
) -> UsageReply:
    """Requests, pages, seconds and cost by day, `from` and `to` included, in UTC.

    Without dates: the last 30 days. A caller sees his own; an admin all, or those of one `owner`.
    """
    caller = caller_of(request)
    whose: str | None = caller.owner
    if caller.may("admin"):
        whose = owner
    elif owner is not None and owner != caller.owner:
        raise Forbidden("owner: only a key with the scope `admin` sees the use of others.")
    first, last = _days(first, last)
    found = await gateway_of(request).access.usage.days(whose, first, last)
    return UsageReply(items=[_usage_model(day) for day in found])


def _days(
    first: datetime.date | None, last: datetime.date | None
) -> tuple[datetime.date, datetime.date]:
    try:
        if last is None:
            today = datetime.datetime.now(datetime.UTC).date()
            last = today if first is None else first + datetime.timedelta(DAYS - 1)
        if first is None:
            first = last - datetime.timedelta(DAYS - 1)
    except OverflowError:
        raise InvalidRequest("from, to: these days are out of the calendar.") from None
    if not 0 <= (last - first).days < MOST_DAYS:
        raise InvalidRequest(f"from, to: a range of 1 to {MOST_DAYS} days is expected.")
    return first, last


def _key_values(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "rate_per_minute": key.rate_per_minute,
        "pages_per_month": key.pages_per_month,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def _usage_model(day: UsageDay) -> UsageDayModel:
    return UsageDayModel(
        owner=day.owner,
        day=day.day,
        requests=day.requests,
        pages=day.pages,
        seconds=round(day.seconds, 3),
        cost=round(day.cost, 6),
    )
