"""GET /api/ocr/costs: what a month cost, and where the break-even lies."""

import datetime
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from ..errors import Forbidden, InvalidRequest
from ..service.costs import Costs, MonthCosts, Place, Side
from ..service.costs_break_even import BreakEven
from ..store.ledger_entry import NANO, LedgerEntry
from .auth import caller_of
from .gateway import gateway_of
from .problems import documented

__all__ = ["router"]

router = APIRouter(tags=["costs"])

PlaceName = Literal["local", "remote"]


class _Model(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class SideModel(_Model):
    """What was done, and what it cost."""

    pages: int
    """That were read; answers from a cache are not among them."""
    calls: int
    """Of endpoints."""
    input_tokens: int
    output_tokens: int
    seconds: float
    """Of the engines."""
    cost: float
    """At the prices of the endpoints."""
    cost_per_page: float | None
    """Without chats that were passed through; empty without pages."""


class LocalModel(SideModel):
    """What was read on machines of this site."""

    fixed_cost: float | None
    """Of the month, however much is read (`MAOOCR_COSTS__LOCAL_PER_MONTH`)."""


class EngineCostModel(SideModel):
    """What one engine did, with the endpoints that it asked."""

    engine: str
    endpoint: str
    """Empty for lanes of this machine; names with commas between where several were asked."""
    place: PlaceName
    kind: Literal["page", "chat"]
    """Pages that were read, or chats that were passed through."""


class KeyCostModel(SideModel):
    """What one key used."""

    owner: str
    """Id of the key; empty where there was none."""


class EndpointCostModel(_Model):
    """What one endpoint was paid, with calls that no answer came of."""

    endpoint: str
    place: PlaceName
    calls: int
    input_tokens: int
    output_tokens: int
    cost: float
    daily_budget: float | None
    budget_left: float | None
    """Of today, in UTC."""


class ProjectionModel(_Model):
    """What the month comes to if it goes on like this; what it was, when it is over."""

    pages: int
    cost: float


class BreakEvenModel(_Model):
    """The machine here beside a remote endpoint."""

    local_per_month: float | None
    remote_per_page: float | None
    is_measured: bool
    """The price of a page is what pages cost remotely this month."""
    load: int
    """Pages of the month, projected."""
    pages: int | None
    """Of a month, from which the machine here costs no more; empty where that is never so."""
    remote_cost: float | None
    """What the load would cost remotely."""
    cheaper: Literal["local", "remote", "equal"] | None
    sentence: str


class CostsReply(_Model):
    """What a month cost."""

    month: str
    currency: str
    """ISO 4217."""
    local: LocalModel
    remote: SideModel
    unanswered_cost: float
    """Of calls that no answer came of: broken off, failed."""
    engines: list[EngineCostModel]
    endpoints: list[EndpointCostModel]
    """Only for an admin."""
    keys: list[KeyCostModel]
    projected: ProjectionModel
    break_even: BreakEvenModel | None
    """Only for an admin."""


@router.get("/api/ocr/costs", responses=documented(InvalidRequest))
async def costs(
    request: Request,
    month: Annotated[str | None, Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")] = None,
    owner: Annotated[str | None, Query(pattern=r"^([0-9A-Z]{26})?$")] = None,
) -> CostsReply:
    """What a month in UTC cost here and remotely, by engine, endpoint and key.

    Without a month: the present one. A caller sees his own; an admin all, or those of one `owner`.
    """
    caller = caller_of(request)
    whose: str | None = caller.owner
    if caller.may("admin"):
        whose = owner
    elif owner is not None and owner != caller.owner:
        raise Forbidden("owner: only a key with the scope `admin` sees the costs of others.")
    elif caller.is_open:
        # Without keys there is one caller, and the machine is his.
        whose = None
    service = gateway_of(request).costs
    return _reply(await service.month(_first(month), whose), service)


def _first(month: str | None) -> datetime.date | None:
    if month is None:
        return None
    year, number = map(int, month.split("-"))
    if not 2000 <= year <= 9998:
        raise InvalidRequest("month: a month from 2000-01 to 9998-12 is expected.")
    return datetime.date(year, number, 1)


def _reply(found: MonthCosts, service: Costs) -> CostsReply:
    by_engine: dict[tuple[str, str, str], list[LedgerEntry]] = {}
    by_key: dict[str, list[LedgerEntry]] = {}
    for each in found.sums:
        by_engine.setdefault(each.entry.key, []).append(each.entry)
        by_key.setdefault(each.owner, []).append(each.entry)
    fixed = found.fixed
    return CostsReply(
        month=f"{found.first:%Y-%m}",
        currency=found.currency,
        local=LocalModel(**_side(found.side("local")), fixed_cost=_number(fixed)),
        remote=SideModel(**_side(found.side("remote"))),
        unanswered_cost=_money(found.unanswered_nano),
        engines=[_engine(some, found.places[key[2]]) for key, some in sorted(by_engine.items())],
        endpoints=_endpoints(found, service),
        keys=[
            KeyCostModel(owner=owner, **_side(Side.of(some)))
            for owner, some in sorted(by_key.items())
        ],
        projected=ProjectionModel(
            pages=found.projected.pages, cost=_money(found.projected.cost_nano)
        ),
        break_even=None if found.break_even is None else _break_even(found.break_even),
    )


def _engine(entries: Iterable[LedgerEntry], place: Place) -> EngineCostModel:
    some = list(entries)
    first = some[0]
    return EngineCostModel(
        engine=first.engine,
        endpoint=first.endpoint,
        place=place,
        kind=first.kind,
        **_side(Side.of(some)),
    )


def _endpoints(found: MonthCosts, service: Costs) -> list[EndpointCostModel]:
    models = []
    for name, paid in sorted(found.paid.items()):
        purse = service.purses.get(name)
        models.append(
            EndpointCostModel(
                endpoint=name,
                place=found.places[name],
                calls=paid.calls,
                input_tokens=paid.input_tokens,
                output_tokens=paid.output_tokens,
                cost=_money(paid.cost_nano),
                daily_budget=None if purse is None else purse.daily,
                budget_left=None if purse is None else purse.left,
            )
        )
    return models


def _break_even(found: BreakEven) -> BreakEvenModel:
    return BreakEvenModel(
        local_per_month=_number(found.local_per_month),
        remote_per_page=_number(found.remote_per_page),
        is_measured=found.is_measured,
        load=found.load,
        pages=found.pages,
        remote_cost=_number(found.remote_cost),
        cheaper=found.cheaper,
        sentence=found.sentence,
    )


def _side(side: Side) -> dict[str, int | float | None]:
    return {
        "pages": side.pages,
        "calls": side.calls,
        "input_tokens": side.input_tokens,
        "output_tokens": side.output_tokens,
        "seconds": side.busy_us / 1e6,
        "cost": _money(side.cost_nano),
        "cost_per_page": _number(side.per_page),
    }


def _money(cost_nano: int) -> float:
    """The nearest number to what the sum says exactly."""
    return cost_nano / NANO


def _number(money: Fraction | None) -> float | None:
    return None if money is None else round(float(money), 9)
