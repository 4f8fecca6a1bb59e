"""Engines that are models behind endpoints; with none configured nothing of this is loaded."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..engines.base import EngineSpec
from ..engines.profiles import EngineProfile, Profiles
from ..errors import InvalidRequest
from ..pool.cores import gateway_cores
from ..pool.lanes import Lane, Launch
from ..service.openai import Completions
from ..service.openai_ports import Servers
from ..service.ports import ChatLedger
from ..settings import Settings
from ..telemetry.metrics import Metrics

if TYPE_CHECKING:
    from ..vllm.balance import Endpoints
    from ..vllm.budget import Budget
    from ..vllm.endpoints import Endpoint

__all__ = ["Vlms", "open_completions", "open_vlms", "require_own_names"]

MOST_LANES = 64
"""Pages of one engine that are asked about at once; each holds its pictures in memory."""
RENDERERS = 4
"""Decoder processes for all of them, at most; they are started as they are needed."""
PAGE_CALLS = 2.0
"""Whole calls in the time that one page may take: a second try is worth it, a third is not."""


@dataclass(frozen=True, slots=True)
class Vlms:
    """What the pool and the directory need of them.

    Attributes:
        launches: start their lanes.
        profiles: what they can do.
        endpoints: by engine.
    """

    specs: tuple[EngineSpec, ...] = ()
    launches: Mapping[str, Launch] = field(default_factory=dict)
    profiles: tuple[EngineProfile, ...] = ()
    endpoints: Mapping[str, "Endpoints"] = field(default_factory=dict)

    @property
    def budgets(self) -> "dict[str, Budget]":
        """By endpoint."""
        return {
            member.endpoint.name: member.budget
            for group in self.endpoints.values()
            for member in group.members
        }

    @property
    def places(self) -> "dict[str, Literal['local', 'remote']]":
        """Where each endpoint is."""
        return {
            member.endpoint.name: member.endpoint.privacy
            for group in self.endpoints.values()
            for member in group.members
        }

    def budget_left(self, engine: str) -> float | None:
        """Money that an engine may still cost today; None is no limit."""
        members = self.endpoints[engine].members if engine in self.endpoints else ()
        left = [m.budget.daily - m.budget.spent for m in members if m.budget.daily is not None]
        return sum(left) if left and len(left) == len(members) else None

    def outage(self, engine: str) -> str | None:
        """Why none of its endpoints takes a call; None where one does."""
        group = self.endpoints.get(engine)
        if group is None or group.may_call or group.is_asleep:
            return None
        return " ".join(member.reason for member in group.members)

    def is_asleep(self, engine: str) -> bool:
        """Whether it would have to be woken."""
        group = self.endpoints.get(engine)
        return group is not None and group.is_asleep

    def wake(self, engine: str) -> None:
        """Begin to wake the servers of an engine; does not wait."""
        group = self.endpoints.get(engine)
        if group is not None and group.waker is not None:
            group.waker.wake()


@asynccontextmanager
async def open_vlms(
    settings: Settings, profiles: Profiles, spool_root: Path, metrics: Metrics
) -> AsyncIterator[Vlms]:
    """Open the endpoints and what makes pictures for them; no server need be there yet.

    Raises:
        InvalidRequest: the settings of an endpoint are wrong; the message names the place.
    """
    if not settings.vlm.url and settings.engines_file is None:
        yield Vlms()
        return
    from ..vllm.endpoints import endpoints_of

    found = endpoints_of(settings)
    if not found:
        yield Vlms()
        return
    async with _opened(found, settings, profiles, spool_root, metrics) as vlms:
        yield vlms


@asynccontextmanager
async def _opened(
    found: tuple["Endpoint", ...],
    settings: Settings,
    profiles: Profiles,
    spool_root: Path,
    metrics: Metrics,
) -> AsyncIterator[Vlms]:
    from ..documents.limits import DecodeLimits
    from ..documents.rendering import Renderer
    from ..engines.vlm.reader import VlmReader
    from ..pool.vlm_lane import VlmLane
    from ..vllm.families import family_named
    from ..vllm.opening import open_endpoints

    specs: list[EngineSpec] = []
    told: list[EngineProfile] = []
    launches: dict[str, Launch] = {}
    async with AsyncExitStack() as stack:
        groups = await stack.enter_async_context(open_endpoints(found, settings.vlm, metrics))
        decoders = min(RENDERERS, gateway_cores(settings.web_concurrency))
        renderer = Renderer(spool_root, DecodeLimits.from_settings(settings.limits), decoders)
        stack.push_async_callback(renderer.close)
        for name, group in groups.items():
            own = [endpoint for endpoint in found if endpoint.engine == name]
            family = family_named(own[0].family, own[0].model)
            reader = VlmReader(name, own[0].model, family, group)
            page_seconds = PAGE_CALLS * max(endpoint.total_s for endpoint in own)
            lanes = min(MOST_LANES, group.concurrency)
            specs.append(
                EngineSpec(name, "", device="remote", lanes=lanes, page_seconds=page_seconds)
            )
            told.append(profiles.of(name, family.name, own))

            async def launch(spec: EngineSpec, slot: int, *, reader: VlmReader = reader) -> Lane:
                return VlmLane(renderer, reader, spec.page_seconds)

            launches[name] = launch
        yield Vlms(tuple(specs), launches, tuple(told), groups)


@asynccontextmanager
async def open_completions(
    vlms: Vlms, settings: Settings, ledger: ChatLedger, metrics: Metrics
) -> AsyncIterator[Completions]:
    """What `/v1` asks: all endpoints, or none; at exit all that was used is counted."""
    servers: list[Servers] = []
    if vlms.endpoints:
        from ..vllm.passthrough import Passthrough

        servers += [Passthrough(name, group) for name, group in vlms.endpoints.items()]
    seconds = settings.limits.request_seconds
    completions = Completions(servers, settings.vlm, seconds, ledger, metrics)
    try:
        yield completions
    finally:
        await completions.close()


def require_own_names(specs: tuple[EngineSpec, ...], vlms: Vlms) -> None:
    """An engine that asks servers must not be called like one that does not.

    Raises:
        InvalidRequest: one is.
    """
    for spec in vlms.specs:
        if any(spec.name == other.name for other in specs):
            raise InvalidRequest(
                f"An endpoint belongs to the engine {spec.name!r}, but that is an engine of this"
                " machine; give its engine another name."
            )
