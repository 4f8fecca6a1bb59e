"""What passing calls on needs of the servers of models. `bootstrap` brings the real ones."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..domain import Spent

__all__ = ["PassedCall", "Servers"]


class PassedCall(Protocol):
    """One call to the servers of a model."""

    @property
    def spent(self) -> Spent:
        """What it came to so far, however it ends."""

    async def run(self, hear: Callable[[str], object], deadline: float) -> None:
        """Have it; `hear` is given the JSON of each event, or of the whole answer.

        Raises:
            MaoOCRError: there is no answer, or no more of it.
        """


class Servers(Protocol):
    """The servers of one engine."""

    engine: str
    model: str
    is_remote: bool

    @property
    def slots(self) -> int:
        """Calls at once, those of the engine's lanes included."""

    @property
    def context_tokens(self) -> int | None:
        """Tokens of prompt and answer together, where they told."""

    def call(self, fields: Mapping[str, Any], *, is_whole: bool, tells_usage: bool) -> PassedCall:
        """A call with these fields, to be run."""
