"""/api/ocr/engines and /api/ocr/options: what there is to choose from, and its coming and going."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from ..errors import Conflict, UnknownEngine
from ..exports import formats
from ..service.engine_states import EngineState, EngineStateName, Wanted
from ..service.engine_wishes import OtherWish
from ..service.options import OPTIONS, OptionSpec
from .gateway import Gateway, gateway_of
from .problems import documented

__all__ = ["engine_model", "router"]

router = APIRouter(tags=["engines"])

_CHANGES = documented(UnknownEngine, Conflict)

_FORM_TITLES = {
    "text": "Text",
    "markdown": "Markdown",
    "html": "HTML",
    "json": "JSON",
    "jsonl": "JSON Lines",
    "csv": "CSV",
    "hocr": "hOCR",
    "alto": "ALTO",
}


class _Model(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class EndpointModel(_Model):
    """One server of an engine."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)

    name: str
    state: str
    """`unknown`, `ready`, `away`, `asleep`, `wrong`, `failing` or `spent`."""
    reason: str
    """Why it gets no calls; empty when it does."""
    model: str
    privacy: Literal["local", "remote"]
    in_flight: int
    concurrency: int
    waiting: int | None
    """Calls in the server's own queue, where it tells."""
    kv_cache: float | None
    """Share of its memory for contexts that is in use, where it tells."""
    context_tokens: int | None
    """Most tokens of prompt and answer together, where it tells."""
    price_input_per_1k: float
    price_output_per_1k: float
    price_per_page: float
    daily_budget: float | None
    spent_today: float


class WishModel(_Model):
    """What was asked of all gateways."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)

    wanted: Wanted
    since: datetime
    reason: str
    """Why this gateway has the engine in another state."""


class EngineModel(_Model):
    """One engine."""

    name: str
    state: EngineStateName
    """`absent`: models or a package are missing; `sleeping`: it is loaded or woken on need."""
    reason: str | None
    """Why it is not ready."""
    command: str | None
    """Brings what is missing, where it is absent."""
    failure: str | None
    """Why its lanes are broken."""
    kind: Literal["ocr", "vlm"]
    """`vlm`: a vision-language model behind servers."""
    privacy: Literal["local", "remote"]
    """`remote` where pages leave this site."""
    cost_per_page: float
    """Money that a page is expected to cost."""
    model_digest: str | None
    languages: list[str]
    details: dict[str, str]
    seconds_per_page: float
    """Running estimate for one lane."""
    lanes: int
    lanes_ready: int
    lanes_busy: int
    """Of those that are ready, how many read now."""
    queue_pages: int
    endpoints: list[EndpointModel]
    """Of an engine that asks servers."""
    wish: WishModel | None
    """What was last asked of all gateways by `load` or `unload`, where this one is in another
    state; else null."""


class ChangedEngineModel(EngineModel):
    """One engine, after all gateways were asked to load it or to let it go."""

    warning: str | None
    """Why other gateways follow late; null where they follow at once, or within some seconds
    where there is no Redis."""


class EnginesReply(_Model):
    """The engines of this server."""

    engines: list[EngineModel]
    default: str


class OptionValueModel(_Model):
    """One known value of an option."""

    value: str
    title: str


class OptionModel(_Model):
    """One option of a recognition, described so that a page can draw its form."""

    name: str
    type: str
    """`enum`, `boolean`, `string` or `integer`."""
    title: str
    description: str
    default: str | bool | int | None
    values: list[OptionValueModel] | None = None
    minimum: int | None = None
    maximum: int | None = None


class OptionsReply(_Model):
    """Every option of a recognition."""

    options: list[OptionModel]
    image_url: bool
    """Whether documents are fetched from the URL that a caller gives."""


@router.get("/api/ocr/engines", responses=documented())
async def engines(request: Request) -> EnginesReply:
    """The engines, their state and their pace."""
    gateway = gateway_of(request)
    wish = gateway.wishes.other_than
    models = [engine_model(state, wish(state)) for state in gateway.house.states()]
    return EnginesReply(engines=models, default=gateway.settings.engine)


@router.post("/api/ocr/engines/{name}/load", responses=_CHANGES)
async def load(request: Request, name: str) -> ChangedEngineModel:
    """Begin to load an engine, or to wake its servers; the answer does not wait for it.

    All other gateways do the same.
    """
    gateway = gateway_of(request)
    return _changed(gateway, name, await gateway.wishes.load(name))


@router.post("/api/ocr/engines/{name}/unload", responses=_CHANGES)
async def unload(request: Request, name: str) -> ChangedEngineModel:
    """Let an idle engine go until it is needed: its lanes end, or its vLLM is put to sleep.

    All other gateways do the same, as soon as it has no page to read there.
    """
    gateway = gateway_of(request)
    return _changed(gateway, name, await gateway.wishes.unload(name))


@router.get("/api/ocr/options", responses=documented())
async def options(request: Request) -> OptionsReply:
    """Every option that a recognition takes."""
    engine = OptionModel(
        name="engine",
        type="enum",
        title="Engine",
        description="Who reads the document; `auto` leaves the choice to the server.",
        default="auto",
        values=_values(["auto", *gateway_of(request).pool.status().engines]),
    )
    form = OptionModel(
        name="format",
        type="enum",
        title="Form of the answer",
        description="`jsonl` sends each page as soon as it is read.",
        default="json",
        values=[
            OptionValueModel(value=name, title=_FORM_TITLES.get(name, name)) for name in formats
        ],
    )
    return OptionsReply(
        options=[*map(_option_model, OPTIONS), engine, form],
        image_url=gateway_of(request).settings.outbound.image_url,
    )


def engine_model(state: EngineState, wish: OtherWish | None = None) -> EngineModel:
    """What is told of an engine."""
    engine, profile = state.status, state.profile
    info = engine.info
    return EngineModel(
        name=state.name,
        state=state.state,
        reason=state.reason or None,
        command=state.command or None,
        failure=engine.failure,
        kind=profile.kind,
        privacy=profile.privacy,
        cost_per_page=round(profile.cost_per_page, 6),
        model_digest=info.model_digest if info else None,
        languages=list(info.languages) if info else [],
        details=dict(info.details) if info else {},
        seconds_per_page=round(engine.seconds_per_page, 4),
        lanes=len(engine.lanes),
        lanes_ready=sum(lane.state in {"idle", "busy"} for lane in engine.lanes),
        lanes_busy=sum(lane.state == "busy" for lane in engine.lanes),
        queue_pages=engine.queue_pages,
        endpoints=[EndpointModel.model_validate(endpoint) for endpoint in state.endpoints],
        wish=WishModel.model_validate(wish) if wish is not None else None,
    )


def _changed(gateway: Gateway, name: str, warning: str) -> ChangedEngineModel:
    state = gateway.house.state(name)
    told = engine_model(state, gateway.wishes.other_than(state))
    return ChangedEngineModel(**dict(told), warning=warning or None)


def _values(names: Iterable[str]) -> list[OptionValueModel]:
    return [OptionValueModel(value=name, title=name) for name in names]


def _option_model(spec: OptionSpec) -> OptionModel:
    values = [OptionValueModel(value=value, title=title) for value, title in spec.values]
    return OptionModel(
        name=spec.name,
        type=spec.type,
        title=spec.title,
        description=spec.description,
        default=spec.default,
        values=values or None,
        minimum=spec.minimum,
        maximum=spec.maximum,
    )
