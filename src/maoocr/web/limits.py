"""Rates and quotas at the door, and the headers that tell of them.

The headers are those of the drafts that servers and clients know (RateLimit-Limit, -Remaining and
-Reset of draft-ietf-httpapi-ratelimit-headers, up to -07); the one field of later drafts still
changes.
"""

import math
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from ..cache.gcra import RateState
from ..errors import MaoOCRError, QuotaExceeded, RateLimited
from ..service.callers import Caller
from .gateway import Gateway
from .rules import Rule

__all__ = ["Limited", "RateHeaders", "brings_documents", "spend"]


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """What an answer says of the rate."""

    state: RateState

    def values(self) -> dict[str, str]:
        """The headers."""
        return {
            "RateLimit-Limit": str(self.state.limit),
            "RateLimit-Remaining": str(self.state.remaining),
            "RateLimit-Reset": str(math.ceil(self.state.reset_s)),
        }

    def around(self, send: Send) -> Send:
        """A `send` that adds them to the answer."""

        async def send_with_rate(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.values().items():
                    headers[name] = value
            await send(message)

        return send_with_rate


class Limited(Exception):
    """A refusal with the headers that go with it."""

    def __init__(self, error: MaoOCRError, headers: dict[str, str]) -> None:
        super().__init__(error.message)
        self.error = error
        self.headers = headers


async def spend(
    gateway: Gateway, caller: Caller, address: str, *, brings_documents: bool
) -> RateHeaders | None:
    """Count one request, or one frame; gives the headers where there is a rate.

    Args:
        gateway: of the app.
        caller: who asks.
        address: of the other side, which counts where there are no keys.
        brings_documents: it is closed when the pages of the month are used up.

    Raises:
        Limited: over the rate, or no pages are left this month.
    """
    headers = None
    per_minute = _rate(gateway, caller)
    if per_minute:
        whose = f"key:{caller.owner}" if caller.owner else f"address:{address}"
        state = await gateway.access.rates.take(whose, per_minute)
        headers = RateHeaders(state)
        if not state.allowed:
            refusal = RateLimited(_sentence(caller, per_minute), retry_after_s=state.retry_after_s)
            raise Limited(refusal, headers.values())
    if brings_documents:
        try:
            await gateway.access.quota.require_pages(caller)
        except QuotaExceeded as refusal:
            raise Limited(refusal, headers.values() if headers else {}) from None
    return headers


def _rate(gateway: Gateway, caller: Caller) -> int | None:
    if caller.is_open:
        return gateway.settings.auth.open_rate_per_minute
    return caller.rate_per_minute


def brings_documents(rule: Rule | None, scope: Scope) -> bool:
    """Documents come with this request."""
    if rule is None or not rule.reads:
        return False
    return scope["type"] == "websocket" or bool(scope["method"] == "POST")


def _sentence(caller: Caller, per_minute: int) -> str:
    if caller.is_open:
        return (
            f"This address is over the rate of {per_minute} requests in a minute"
            " (MAOOCR_AUTH__OPEN_RATE_PER_MINUTE)."
        )
    return (
        f"The API key is over its rate of {per_minute} requests in a minute"
        " (rate_per_minute of the key)."
    )
