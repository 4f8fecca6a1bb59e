"""What there is to say of an engine to the people who run the service, and what they can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ..engines.profiles import EngineProfile
from ..pool import EngineStatus

__all__ = ["EndpointView", "EngineHouse", "EngineState", "EngineStateName", "Wanted"]

EngineStateName = Literal["absent", "loading", "ready", "sleeping", "broken"]
"""`absent`: models or a package are missing. `sleeping`: it is loaded or woken on need."""

Wanted = Literal["loaded", "unloaded"]


@dataclass(frozen=True, slots=True)
class EndpointView:
    """One server of an engine.

    Attributes:
        state: as `vllm.member.EndpointState`.
        reason: why it gets no calls; empty when it does.
        waiting: calls in the server's own queue; None where it does not tell.
        kv_cache: share of its memory for contexts that is in use, likewise.
        daily_budget: money; None is no limit.
    """

    name: str
    state: str
    reason: str
    model: str
    privacy: Literal["local", "remote"]
    in_flight: int
    concurrency: int
    waiting: int | None
    kv_cache: float | None
    context_tokens: int | None
    price_input_per_1k: float
    price_output_per_1k: float
    price_per_page: float
    daily_budget: float | None
    spent_today: float


@dataclass(frozen=True, slots=True)
class EngineState:
    """One engine.

    Attributes:
        reason: for its state, as a sentence; empty when it is ready.
        command: that brings what is missing; empty where that is not known.
        status: of its lanes.
        endpoints: of an engine that asks servers.
    """

    name: str
    state: EngineStateName
    reason: str
    command: str
    profile: EngineProfile
    status: EngineStatus
    endpoints: tuple[EndpointView, ...] = ()


class EngineHouse(Protocol):
    """The engines of this server, for those who run it."""

    def states(self) -> Sequence[EngineState]:
        """Of all engines, the default first."""

    def state(self, engine: str) -> EngineState:
        """Of one; raises UnknownEngine."""

    async def load(self, engine: str) -> None:
        """Begin to load or wake an engine; does not wait until it is up.

        Raises:
            UnknownEngine: there is none of that name.
        """

    async def unload(self, engine: str) -> None:
        """Let an engine go, until it is needed: its lanes end, or its servers sleep.

        Raises:
            UnknownEngine: there is none of that name.
            Conflict: it cannot go now; says why.
        """

    async def follow(self, engine: str, wanted: Wanted) -> None:
        """Do here what another gateway was asked to do, and has done.

        Servers are everybody's, so of an engine that asks them they are only looked at.

        Raises:
            UnknownEngine: there is none of that name here.
            Conflict: it cannot go now; says why.
        """
