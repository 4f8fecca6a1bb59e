"""The endpoints of one engine, for calls that are passed on: chat completions, and nothing else."""

from collections.abc import Mapping
from typing import Any

from ..domain import Spent
from ..errors import EndpointRefused, InvalidRequest
from .balance import Endpoints
from .chat import OnText
from .relay import Passage

__all__ = ["PassedCall", "Passthrough"]


class PassedCall:
    """One call; begins when it is run."""

    def __init__(self, endpoints: Endpoints, passage: Passage) -> None:
        self._endpoints = endpoints
        self._passage = passage

    @property
    def spent(self) -> Spent:
        """What it came to so far, however it ends."""
        return self._passage.spent

    async def run(self, hear: OnText, deadline: float) -> None:
        """Have it; cancelling closes the stream, so that the server ends its work.

        Args:
            hear: each event of the stream as JSON, or the whole answer; a call that it heard of is
                not begun again.
            deadline: moment of `time.monotonic()`.

        Raises:
            InvalidRequest: the server does not take such a request.
            MaoOCRError: as `Chat.complete`.
        """
        try:
            await self._endpoints.complete(self._passage, on_text=hear, deadline=deadline)
        except EndpointRefused as error:
            if self._passage.is_refused:
                raise InvalidRequest(error.message) from error
            raise


class Passthrough:
    """One engine and its endpoints, which share the calls as they share those of its lanes."""

    def __init__(self, engine: str, endpoints: Endpoints) -> None:
        self.engine = engine
        self._endpoints = endpoints
        first = endpoints.members[0].endpoint
        # Endpoints of one engine agree on both.
        self.model = first.model
        self.is_remote = first.privacy == "remote"

    @property
    def slots(self) -> int:
        """Calls at once, those of the engine's lanes included."""
        return self._endpoints.concurrency

    @property
    def context_tokens(self) -> int | None:
        """Tokens of prompt and answer together, by the servers' word, where one gave it."""
        told = [status.context_tokens for status in self._endpoints.status()]
        return min((tokens for tokens in told if tokens), default=None)

    def call(self, fields: Mapping[str, Any], *, is_whole: bool, tells_usage: bool) -> PassedCall:
        """A call with these fields; see `Passage`."""
        return PassedCall(self._endpoints, Passage(fields, is_whole, tells_usage))
