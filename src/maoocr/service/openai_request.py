"""A chat completion as a stranger asks for it: what of it may go on to a server, and what may not.

An allow-list (OpenAI API reference, chat completions): servers know many more fields, among them
some that change the model's template, run patterns over its answers or name what another caller
sent; and whatever a server would fetch, it would fetch from inside.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidRequest

__all__ = ["DROPPED", "PASSED", "ChatCall", "ChatLimits", "parse_chat"]

PASSED = frozenset(
    {
        "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens",
        "messages", "n", "parallel_tool_calls", "presence_penalty", "reasoning_effort",
        "response_format", "seed", "stop", "temperature", "tool_choice", "tools", "top_logprobs",
        "top_p",
    }
)  # fmt: skip
"""Parameters that reach the server."""

DROPPED = frozenset(
    {
        "metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
        "service_tier", "store", "user", "verbosity",
    }
)  # fmt: skip
"""Parameters that are taken and go no further: they tell of the caller, or have things kept."""

_OURS = frozenset({"model", "stream", "stream_options"})
_MOST_LOGPROBS = 20
_MOST_DEPTH = 64
_ROLES = ("assistant", "developer", "system", "tool", "user")
_MESSAGE = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "refusal"})
_PARTS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"type", "text"}),
    "refusal": frozenset({"type", "refusal"}),
    "image_url": frozenset({"type", "image_url"}),
}
_PICTURE = frozenset({"url", "detail"})
_DATA_URL = re.compile(r"data:image/[a-z0-9.+-]{1,40};base64,")
_FORMATS = frozenset({"text", "json_object", "json_schema"})
_NAME = re.compile(r"\w{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """What one call may ask for.

    Attributes:
        max_tokens: of each answer (MAOOCR_VLM__V1_MAX_TOKENS).
        max_choices: answers to one call (MAOOCR_VLM__V1_MAX_CHOICES).
        parameters: that are passed on beside those of OpenAI (MAOOCR_VLM__V1_PARAMETERS).
    """

    max_tokens: int
    max_choices: int
    parameters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A call that may go on.

    Attributes:
        model: as the caller named it.
        tells_usage: the stream is to end with what was counted.
        pictures: in all messages.
        fields: what reaches the server.
    """

    model: str
    is_stream: bool
    tells_usage: bool
    pictures: int
    fields: Mapping[str, Any] = field(repr=False)

    def with_limit(self, tokens: int) -> Mapping[str, Any]:
        """The fields, with so many tokens where the caller set no limit."""
        if "max_tokens" in self.fields or "max_completion_tokens" in self.fields:
            return self.fields
        return {**self.fields, "max_tokens": tokens}


def parse_chat(body: Mapping[str, Any], limits: ChatLimits) -> ChatCall:
    """Look at a request.

    Args:
        body: the JSON object.
        limits: what it may ask for.

    Raises:
        InvalidRequest: something in it may not go on; the message names it.
    """
    # OpenAI's clients write null for what was left out.
    given = {name: value for name, value in body.items() if value is not None}
    _require_known(given, limits)
    _require_shallow(given)
    model = given.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("model: the name of a model is expected; GET /v1/models lists them.")
    stream = given.get("stream", False)
    if not isinstance(stream, bool):
        raise InvalidRequest("stream: true or false is expected.")
    pictures = _messages(given.get("messages"))
    for name, check in _CHECKS.items():
        if name in given:
            check(name, given[name], limits)
    passed = PASSED | limits.parameters
    fields = {name: value for name, value in given.items() if name in passed}
    return ChatCall(model, stream, _tells_usage(given), pictures, fields)


def _require_known(given: Mapping[str, Any], limits: ChatLimits) -> None:
    for name in given:
        if name in PASSED or name in DROPPED or name in _OURS or name in limits.parameters:
            continue
        shown = name if _NAME.fullmatch(name) else f"{name!r:.60}"
        raise InvalidRequest(
            f"{shown}: this parameter is not passed on. Passed on are"
            f" {', '.join(sorted(PASSED | limits.parameters))}"
            " (MAOOCR_VLM__V1_PARAMETERS adds to them)."
        )


def _require_shallow(given: Mapping[str, Any]) -> None:
    """What is taken must be possible to write again, however deep this is called."""
    layer: list[Any] = list(given.values())
    for _ in range(_MOST_DEPTH):
        inner = (
            one.values() if isinstance(one, dict) else one
            for one in layer
            if isinstance(one, dict | list)
        )
        layer = [value for values in inner for value in values]
        if not layer:
            return
    raise InvalidRequest(f"The JSON body is nested more than {_MOST_DEPTH} deep.")


def _tells_usage(given: Mapping[str, Any]) -> bool:
    options = given.get("stream_options", {})
    if not isinstance(options, dict) or not options.keys() <= {
        "include_usage",
        "include_obfuscation",
    }:
        raise InvalidRequest("stream_options: an object with include_usage is expected.")
    wants = options.get("include_usage") or False
    if not isinstance(wants, bool):
        raise InvalidRequest("stream_options.include_usage: true or false is expected.")
    return wants


def _messages(messages: Any) -> int:
    """Look at the messages; how many pictures are in them."""
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("messages: a list of messages is expected.")
    return sum(_message(f"messages[{at}]", message) for at, message in enumerate(messages))


def _message(where: str, message: Any) -> int:
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        raise InvalidRequest(
            f"{where}: an object is expected with one of the roles {', '.join(_ROLES)}."
        )
    _require_keys(where, message, _MESSAGE)
    content = message.get("content")
    if content is None or isinstance(content, str):
        return 0
    if not isinstance(content, list):
        raise InvalidRequest(f"{where}.content: a text or a list of parts is expected.")
    return sum(_part(f"{where}.content[{at}]", part) for at, part in enumerate(content))


def _part(where: str, part: Any) -> int:
    kind = part.get("type") if isinstance(part, dict) else None
    keys = _PARTS.get(kind) if isinstance(kind, str) else None
    if keys is None:
        raise InvalidRequest(f"{where}: a part of the type {' or '.join(_PARTS)} is expected.")
    _require_keys(where, part, keys)
    if kind != "image_url":
        if not isinstance(part.get(kind), str):
            raise InvalidRequest(f"{where}.{kind}: a text is expected.")
        return 0
    picture = part.get("image_url")
    if not isinstance(picture, dict) or not isinstance(picture.get("url"), str):
        raise InvalidRequest(f"{where}.image_url: an object with a url is expected.")
    _require_keys(f"{where}.image_url", picture, _PICTURE)
    if not _DATA_URL.match(picture["url"]):
        raise InvalidRequest(
            f"{where}.image_url.url: only data: URLs of pictures are taken"
            " (data:image/png;base64,…): nothing is fetched on behalf of a caller."
        )
    return 1


def _require_keys(where: str, value: Mapping[str, Any], known: frozenset[str]) -> None:
    # A null stands for nothing.
    for name in value:
        if name not in known and value[name] is not None:
            raise InvalidRequest(
                f"{where}: the member {name!r:.60} is not passed on. Known are"
                f" {', '.join(sorted(known))}."
            )


def _whole(name: str, value: Any, most: int, setting: str, least: int = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidRequest(f"{name}: a whole number from {least} is expected.")
    if value > most:
        told = f" ({setting})" if setting else ""
        raise InvalidRequest(f"{name}: {value} is over the limit of {most}{told}.")


def _check_tokens(name: str, value: Any, limits: ChatLimits) -> None:
    _whole(name, value, limits.max_tokens, "MAOOCR_VLM__V1_MAX_TOKENS")


def _check_choices(name: str, value: Any, limits: ChatLimits) -> None:
    _whole(name, value, limits.max_choices, "MAOOCR_VLM__V1_MAX_CHOICES")


def _check_logprobs(name: str, value: Any, limits: ChatLimits) -> None:
    _whole(name, value, _MOST_LOGPROBS, "", least=0)


def _check_tools(name: str, value: Any, limits: ChatLimits) -> None:
    # Other kinds, such as a search of the web, would have a server go out.
    if not isinstance(value, list) or any(
        not isinstance(tool, dict) or tool.get("type") != "function" for tool in value
    ):
        raise InvalidRequest(f"{name}: a list of tools of the type function is expected.")


def _check_format(name: str, value: Any, limits: ChatLimits) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _FORMATS:
        known = ", ".join(sorted(_FORMATS))
        raise InvalidRequest(f"{name}: an object with one of the types {known} is expected.")


_CHECKS: Mapping[str, Callable[[str, Any, ChatLimits], None]] = {
    "max_tokens": _check_tokens,
    "max_completion_tokens": _check_tokens,
    "n": _check_choices,
    "top_logprobs": _check_logprobs,
    "tools": _check_tools,
    "response_format": _check_format,
}
