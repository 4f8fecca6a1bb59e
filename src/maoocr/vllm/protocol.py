"""OpenAI's chat completions as vLLM speaks them: a request's JSON, and what its answers mean."""

import re
from base64 import b64encode
from typing import Any

import msgspec

from .chat import ChatRequest, FinishReason, ImagePart, Part
from .endpoints import Endpoint
from .failure import CallFailed, Reason

__all__ = ["Chunk", "Usage", "body_of", "chunk_of", "failure_of", "finish_of", "models_of"]

_FINISHES: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "repetition": "repetition",
    "content_filter": "filtered",
}
_REASONS: dict[int, Reason] = {
    401: "key",
    403: "key",
    404: "model",
    408: "timeout",
    429: "limited",
    503: "full",
}
_TELLING: frozenset[Reason] = frozenset({"model", "request"})
"""Where the server's own words help an operator and cannot hold a key."""
_MOST_WORDS = 200
_DATA_URL = re.compile(r"data:\S+")


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class Usage(msgspec.Struct):
    """Tokens counted so far."""

    prompt_tokens: int = 0
    completion_tokens: int | None = 0


class Chunk(msgspec.Struct):
    """One event of a stream."""

    choices: list[_Choice] = []
    usage: Usage | None = None
    error: Any = None

    @property
    def text(self) -> str:
        """What the answer grew by."""
        return "".join(choice.delta.content or "" for choice in self.choices)

    @property
    def finish(self) -> str | None:
        """Why the text ends, where it does."""
        return next((c.finish_reason for c in self.choices if c.finish_reason), None)


class _Model(msgspec.Struct):
    id: str
    max_model_len: int | None = None


class _Models(msgspec.Struct):
    data: list[_Model]


def body_of(request: ChatRequest, endpoint: Endpoint) -> bytes:
    """The JSON of a call; pictures travel in it, so that the server fetches nothing."""
    messages: list[dict[str, Any]] = []
    if request.system is not None:
        messages.append({"role": "system", "content": request.system})
    messages.append({"role": "user", "content": [_part(part) for part in request.parts]})
    usage: dict[str, bool] = {"include_usage": True}
    if endpoint.privacy == "local":
        # vLLM's own: what a stream cost is known although it is cut.
        usage["continuous_usage_stats"] = True
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": messages,
        "temperature": request.temperature,
        "stream": True,
        "stream_options": usage,
    }
    if request.max_tokens:
        body["max_tokens"] = request.max_tokens
    if request.top_p is not None:
        body["top_p"] = request.top_p
    return msgspec.json.encode(body | dict(request.extra))


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, ImagePart):
        url = f"data:{part.mime};base64,{b64encode(part.data).decode('ascii')}"
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "text", "text": part.text}


def chunk_of(data: bytes, endpoint: Endpoint) -> Chunk:
    """One event.

    Raises:
        CallFailed: it is none, or it tells of a failure.
    """
    try:
        chunk = msgspec.json.decode(data, type=Chunk)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise CallFailed("broken", f"{endpoint.name} sent a piece of nonsense.") from error
    if chunk.error:
        status = chunk.error.get("code") if isinstance(chunk.error, dict) else None
        # An int alone is a status: clouds put words there.
        raise failure_of(endpoint, status if isinstance(status, int) else 500, data)
    return chunk


def finish_of(said: str, endpoint: Endpoint) -> FinishReason:
    """Why the text ends.

    Raises:
        CallFailed: it does not end in a way that gives a text.
    """
    if said not in _FINISHES:
        raise CallFailed("broken", f"{endpoint.name} broke its answer off ({said[:40]!r}).")
    return _FINISHES[said]


def failure_of(
    endpoint: Endpoint, status: int, body: bytes, retry_after: str | None = None
) -> CallFailed:
    """What an answer without success means.

    Args:
        endpoint: who gave it.
        status: of HTTP.
        body: its beginning.
        retry_after: the header of that name.
    """
    reason = _REASONS.get(status, "request" if 400 <= status < 500 else "server")
    words = _words_of(body) if reason in _TELLING else ""
    if endpoint.api_key:
        words = words.replace(endpoint.api_key, "…")
    told = {
        "key": "does not take the key that it was given (status {status}).",
        "model": "does not know the model {model!r} (status 404). {words}",
        "full": "takes nothing now (status 503).",
        "limited": "is asked too often (status 429).",
        "request": "does not take the request (status {status}). {words}",
    }.get(reason, "failed (status {status}).")
    message = told.format(status=status, model=endpoint.model, words=words).strip()
    wait_s = float(retry_after) if retry_after and retry_after.strip().isdigit() else None
    return CallFailed(reason, f"{endpoint.name} {message}", retry_after_s=wait_s)


def _words_of(body: bytes) -> str:
    """The message in an error's body, which is an object, a string or anything else."""
    try:
        content: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    for name in ("error", "message", "detail"):
        if isinstance(content, dict) and content.get(name):
            content = content[name]
    if not isinstance(content, str):
        return ""
    words = " ".join(_DATA_URL.sub("data:…", content[: 10 * _MOST_WORDS]).split())
    return words if len(words) <= _MOST_WORDS else words[:_MOST_WORDS] + "…"


def models_of(body: bytes) -> dict[str, int | None] | None:
    """Names of the models that a server offers, with their context in tokens where it tells.

    Returns:
        None when the answer is no list of models.
    """
    try:
        found = msgspec.json.decode(body, type=_Models)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        return None
    return {model.id: model.max_model_len for model in found.data}
