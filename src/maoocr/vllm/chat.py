"""What one call to a vision-language model is, free of HTTP: pictures and words in, text out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

__all__ = [
    "Chat",
    "ChatReply",
    "ChatRequest",
    "FinishReason",
    "ImagePart",
    "OnText",
    "Part",
    "TextPart",
]

FinishReason = Literal["stop", "length", "repetition", "loop", "filtered"]
"""Why the text ends: the model said so, `max_tokens` or the context is full, the server noticed a
repetition, we did (`loop`), or the server's filter cut it. Only `stop` is a whole answer."""

OnText = Callable[[str], object]
"""Hears each piece of text as it comes. What it raises ends the call and reaches the caller."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """Words of the prompt; never logged."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture of the prompt.

    Attributes:
        data: the encoded file, as the model is to get it.
    """

    data: bytes = field(repr=False)
    mime: Literal["image/jpeg", "image/png", "image/webp"] = "image/jpeg"


Part = TextPart | ImagePart


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call.

    Attributes:
        parts: of the user's message, in the order in which the model wants them.
        system: message before it; None sends none, an empty one is sent as such.
        max_tokens: that the answer may have; 0 for what the context has room for.
        top_p: None leaves it to the server.
        extra: further fields of the request's JSON (`top_k`, `vllm_xargs`, …); they override.
        cut_loops: end the answer when it goes round in circles.
    """

    parts: tuple[Part, ...]
    system: str | None = None
    max_tokens: int = 4096
    temperature: float = 0.0
    top_p: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    cut_loops: bool = True


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What came back.

    Attributes:
        text: as the model wrote it; of a `loop` what came before it was noticed.
        endpoint: who answered.
        seconds: from the request to the end of the text, without the wait for a free slot.
        first_token_s: from the request to the first piece of text; 0 where there was none.
        cost: money, by the endpoint's prices, of this call and of those that failed before it.
        calls: made for it, with those that failed.
    """

    text: str = field(repr=False)
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    endpoint: str
    seconds: float
    first_token_s: float
    cost: float = 0.0
    calls: int = 1


class Chat(Protocol):
    """Somebody who takes calls: one endpoint, or several that share the work."""

    async def complete(
        self,
        request: ChatRequest,
        *,
        on_text: OnText | None = None,
        deadline: float | None = None,
    ) -> ChatReply:
        """Ask the model. Cancelling ends the work at the server too.

        Args:
            request: what is asked.
            on_text: hears the text as it comes; a call that it heard of is not begun again.
            deadline: moment of `time.monotonic()` by which the answer must be whole.

        Raises:
            EndpointUnavailable: nobody takes the call now; it may succeed later.
            EndpointFault: the server failed, or its answer broke off or made no sense.
            EndpointRefused: the server will never take this call.
            DeadlineExceeded: the deadline has passed.
        """
