"""How a call to one endpoint fails, and what follows from it."""

from dataclasses import dataclass
from typing import Literal

from ..errors import (
    DeadlineExceeded,
    EndpointFault,
    EndpointRefused,
    EndpointUnavailable,
    MaoOCRError,
)

__all__ = ["CallFailed", "Reason"]

Reason = Literal[
    "connect", "timeout", "server", "broken", "full", "limited", "key", "model", "request",
    "deadline", "withdrawn",
]  # fmt: skip
"""`connect`: nobody there. `timeout`: silent for too long. `server`: status 5xx. `broken`: the
answer broke off or made no sense. `full`: its queue is full. `limited`: status 429. `key`, `model`:
it does not know them. `request`: it never takes this request. `deadline`: the caller's time is up.
`withdrawn`: the endpoint was given up while the call waited for its first piece of text."""


@dataclass(frozen=True, slots=True)
class _Consequence:
    """What follows from a failure.

    Attributes:
        error: what the caller meets if nobody else answers.
        counts: it speaks against the endpoint.
        is_settled: no other endpoint of the engine would do better.
    """

    error: type[MaoOCRError]
    counts: bool = True
    is_settled: bool = False


_CONSEQUENCES: dict[Reason, _Consequence] = {
    "connect": _Consequence(EndpointUnavailable),
    "timeout": _Consequence(EndpointFault),
    "server": _Consequence(EndpointFault),
    "broken": _Consequence(EndpointFault),
    "full": _Consequence(EndpointUnavailable),
    "limited": _Consequence(EndpointUnavailable, counts=False),
    "key": _Consequence(EndpointRefused, counts=False),
    "model": _Consequence(EndpointRefused, counts=False),
    "request": _Consequence(EndpointRefused, counts=False, is_settled=True),
    "deadline": _Consequence(DeadlineExceeded, counts=False, is_settled=True),
    "withdrawn": _Consequence(EndpointUnavailable, counts=False),
}


class CallFailed(Exception):
    """One call to one endpoint failed. Never leaves this room.

    Attributes:
        message: a sentence that names the endpoint, and neither its key nor the document.
        retry_after_s: when the server wants to be asked again, where it said so.
        counts: it speaks against the endpoint.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        retry_after_s: float | None = None,
        counts: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s
        self.counts = _CONSEQUENCES[reason].counts if counts is None else counts

    @property
    def is_settled(self) -> bool:
        """No other endpoint of the engine would do better."""
        return _CONSEQUENCES[self.reason].is_settled

    def as_error(self) -> MaoOCRError:
        """What the caller meets if nobody else answers."""
        error = _CONSEQUENCES[self.reason].error
        return error(self.message, retry_after_s=self.retry_after_s)
