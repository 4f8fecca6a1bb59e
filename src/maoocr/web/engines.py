"""GET /api/ocr/engines and /api/ocr/options: what there is to choose from."""

from collections.abc import Iterable

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from ..exports import formats
from ..pool import EngineStatus
from ..service.options import OPTIONS, OptionSpec
from .gateway import gateway_of
from .problems import documented

__all__ = ["engine_model", "router"]

router = APIRouter(tags=["engines"])

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


class EngineModel(_Model):
    """One engine."""

    name: str
    state: str
    """`ready`, `loading` or `broken`."""
    failure: str | None
    """Why it is broken."""
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
    engines = gateway.pool.status().engines
    models = [engine_model(name, engine) for name, engine in engines.items()]
    return EnginesReply(engines=models, default=gateway.settings.engine)


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


def engine_model(name: str, engine: EngineStatus) -> EngineModel:
    """What is told of an engine."""
    info = engine.info
    return EngineModel(
        name=name,
        state="ready" if engine.ready else "broken" if engine.failure else "loading",
        failure=engine.failure,
        model_digest=info.model_digest if info else None,
        languages=list(info.languages) if info else [],
        details=dict(info.details) if info else {},
        seconds_per_page=round(engine.seconds_per_page, 4),
        lanes=len(engine.lanes),
        lanes_ready=sum(lane.state in {"idle", "busy"} for lane in engine.lanes),
        lanes_busy=sum(lane.state == "busy" for lane in engine.lanes),
        queue_pages=engine.queue_pages,
    )


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
