"""/v1: models and chat completions as OpenAI's clients ask for them, passed on to the endpoints.

Three routes and no others: nothing that a caller writes becomes part of an address.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ..errors import (
    BadInput,
    DeadlineExceeded,
    EndpointFault,
    EndpointRefused,
    EndpointUnavailable,
    Forbidden,
    InvalidRequest,
    MaoOCRError,
    NotFound,
    Overloaded,
    TooLarge,
    UnsupportedMedia,
    UploadTimeout,
)
from ..service.openai import Asker, Completions, Privacy, ServedModel
from ..service.openai_request import parse_chat
from ..service.openai_room import Hold
from .auth import caller_of, share_of
from .body import body_chunks, json_object, while_connected
from .gateway import gateway_of
from .openai_schema import chat_answers, chat_operation
from .problems import UNEXPECTED, documented, problem_body

__all__ = ["router"]

router = APIRouter(tags=["openai"])

Wish = Annotated[
    Privacy | None,
    Header(
        alias="X-MaoOCR-Privacy",
        description="`local` keeps the call on this site, `any` lets it leave; left out, the server"
        " decides (MAOOCR_VLM__V1_PRIVACY).",
    ),
]

_DONE = b"data: [DONE]\n\n"


class _Model(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class OpenAIModel(_Model):
    """A model, in OpenAI's shape and with what is known of it here."""

    id: str
    """The name to ask for: that of an engine, or the one under which its servers know the model."""
    object: Literal["model"] = "model"
    created: int
    """Since when it is there, in seconds since 1970: the start of this server."""
    owned_by: str = "maoocr"
    root: str
    """The name under which the servers know it."""
    engine: str
    privacy: Privacy
    """`local` where it runs on this site."""
    max_model_len: int | None
    """Tokens of prompt and answer together, where the servers tell."""


class OpenAIModels(_Model):
    """The models that may be asked for."""

    object: Literal["list"] = "list"
    data: list[OpenAIModel]


@router.get("/v1/models", responses=documented(InvalidRequest))
async def models(request: Request, privacy: Wish = None) -> OpenAIModels:
    """List the models behind the endpoints; empty where none is configured."""
    completions = gateway_of(request).completions
    found = completions.models(privacy)
    return OpenAIModels(data=[_described(model, completions) for model in found])


@router.get("/v1/models/{id:path}", responses=documented(Forbidden, InvalidRequest, NotFound))
async def model(request: Request, id: str, privacy: Wish = None) -> OpenAIModel:
    """Tell of one model."""
    completions = gateway_of(request).completions
    return _described(completions.model(id, privacy), completions)


@router.post(
    "/v1/chat/completions",
    response_class=Response,
    responses=chat_answers()
    | documented(
        BadInput,
        DeadlineExceeded,
        EndpointFault,
        EndpointRefused,
        EndpointUnavailable,
        Forbidden,
        InvalidRequest,
        NotFound,
        Overloaded,
        TooLarge,
        UnsupportedMedia,
        UploadTimeout,
    ),
    openapi_extra=chat_operation(),
)
async def chat_completions(request: Request, privacy: Wish = None) -> Response:
    """Ask a model, with pictures as `data:` URLs; with `stream` the answer comes as events."""
    completions = gateway_of(request).completions
    with ExitStack() as stack:
        hold = stack.enter_context(completions.room.hold())
        call = parse_chat(await _body(request, hold), completions.limits)
        model = completions.model(call.model, privacy)
        if not call.is_stream:
            work = completions.answer(call, model, _asker(request))
            answer = await while_connected(request, work)
            return Response(answer, media_type="application/json")
        # A failure before the first event is an ordinary error.
        source = completions.stream(call, model, _asker(request))
        first = await while_connected(request, _first(source))
        return _EventStream(source, first, request.state.request_id, stack.pop_all())


class _EventStream(StreamingResponse):
    """Events as they come; its source is closed however it ends, and then what it holds."""

    def __init__(
        self,
        source: AsyncGenerator[list[bytes]],
        first: list[bytes],
        request_id: str,
        holds: ExitStack,
    ) -> None:
        self._source = source
        self._holds = holds
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        events = _events(source, first, request_id)
        super().__init__(events, headers=headers, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._holds:
            async with aclosing(self._source):
                await super().__call__(scope, receive, send)


async def _first(source: AsyncGenerator[list[bytes]]) -> list[bytes]:
    return await anext(source, [])


async def _events(
    source: AsyncGenerator[list[bytes]], first: list[bytes], request_id: str
) -> AsyncIterator[bytes]:
    try:
        yield _told(first)
        async for some in source:
            yield _told(some)
        yield _DONE
    except MaoOCRError as error:
        # The status has left; without `[DONE]` nobody takes what came for the whole.
        is_ours = type(error) is not MaoOCRError
        body = problem_body(
            error.code,
            error.message if is_ours else UNEXPECTED,
            retryable=error.retryable,
            request_id=request_id,
            path=_PATH,
        )
        yield _told([body])


_PATH = "/v1/chat/completions"


def _told(events: list[bytes]) -> bytes:
    return b"".join(b"data: %b\n\n" % event for event in events)


async def _body(request: Request, hold: Hold) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMedia("Content-Type: application/json is expected.")
    body = bytearray()
    async for chunk in body_chunks(request, gateway_of(request).settings.limits):
        hold.add(len(chunk))
        body += chunk
    return json_object(body)


def _asker(request: Request) -> Asker:
    return Asker(caller_of(request).owner, share_of(request.scope), request.state.request_id)


def _described(model: ServedModel, completions: Completions) -> OpenAIModel:
    return OpenAIModel(
        id=model.name,
        created=int(completions.started_at.timestamp()),
        root=model.model,
        engine=model.engine,
        privacy="any" if model.is_remote else "local",
        max_model_len=model.context_tokens,
    )
