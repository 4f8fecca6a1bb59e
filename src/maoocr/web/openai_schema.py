"""The body and the answers of `/v1/chat/completions`, for OpenAPI."""

from typing import Any

from ..service.openai_request import DROPPED, PASSED

__all__ = ["chat_answers", "chat_operation"]

_NUMBER: dict[str, Any] = {"type": "number"}
_TEXT: dict[str, Any] = {"type": "string"}
_FLAG: dict[str, Any] = {"type": "boolean"}
_OBJECT: dict[str, Any] = {"type": "object"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}

_PICTURE: dict[str, Any] = {
    "type": "object",
    "required": ["type", "image_url"],
    "properties": {
        "type": {"const": "image_url"},
        "image_url": {
            "type": "object",
            "required": ["url"],
            "properties": {
                "url": {**_TEXT, "pattern": "^data:image/", "description": "A `data:` URL."},
                "detail": _TEXT,
            },
        },
    },
}
_WORDS: dict[str, Any] = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {"type": {"const": "text"}, "text": _TEXT},
}
_MESSAGE: dict[str, Any] = {
    "type": "object",
    "required": ["role"],
    "properties": {
        "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
        "content": {
            "anyOf": [_TEXT, {"type": "array", "items": {"anyOf": [_WORDS, _PICTURE]}}],
        },
    },
}
_TYPES: dict[str, dict[str, Any]] = {
    "frequency_penalty": _NUMBER,
    "logit_bias": _OBJECT,
    "logprobs": _FLAG,
    "max_completion_tokens": _COUNT,
    "max_tokens": _COUNT,
    "messages": {"type": "array", "minItems": 1, "items": _MESSAGE},
    "metadata": _OBJECT,
    "n": _COUNT,
    "parallel_tool_calls": _FLAG,
    "presence_penalty": _NUMBER,
    "response_format": _OBJECT,
    "seed": {"type": "integer"},
    "stop": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
    "store": _FLAG,
    "temperature": _NUMBER,
    "tool_choice": {"anyOf": [_TEXT, _OBJECT]},
    "tools": {"type": "array", "items": _OBJECT},
    "top_logprobs": {"type": "integer", "minimum": 0, "maximum": 20},
    "top_p": _NUMBER,
}


def chat_operation() -> dict[str, Any]:
    """`openapi_extra` of the route."""
    dropped = {"description": "Taken, and not passed on."}
    properties = {name: _TYPES.get(name, _TEXT) for name in sorted(PASSED)}
    properties |= {name: _TYPES.get(name, _TEXT) | dropped for name in sorted(DROPPED)}
    properties |= {
        "model": {**_TEXT, "description": "A name of `GET /v1/models`."},
        "stream": _FLAG,
        "stream_options": {"type": "object", "properties": {"include_usage": _FLAG}},
    }
    schema = {"type": "object", "required": ["model", "messages"], "properties": properties}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def chat_answers() -> dict[int | str, dict[str, Any]]:
    """`responses=` of the route: as the server of the model gave it."""
    content = {
        "application/json": {"schema": {"type": "object"}},
        "text/event-stream": {"schema": {"type": "string"}},
    }
    return {200: {"description": "The model's answer, in OpenAI's form", "content": content}}
