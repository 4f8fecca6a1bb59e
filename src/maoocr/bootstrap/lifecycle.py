"""The engines' states, told from the pool, the endpoints and what lies on the disk."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from ..engines.hub_folder import being_used
from ..engines.manifest import Manifest, load_manifest
from ..engines.presence import Absence, absence_of, absence_of_weights, used_folders
from ..engines.profiles import EngineProfile, Profiles
from ..errors import Conflict, UnknownEngine
from ..pool import EngineStatus, Pool
from ..service.engine_states import EndpointView, EngineState, EngineStateName, Wanted
from ..settings import Settings
from .vlm import Vlms

if TYPE_CHECKING:
    from ..vllm.balance import Endpoints
    from ..vllm.member import Member

__all__ = ["EngineLifecycle", "models_in_use"]


class EngineLifecycle:
    """An `EngineHouse`."""

    def __init__(self, pool: Pool, vlms: Vlms, profiles: Profiles, settings: Settings) -> None:
        """Make it.

        Args:
            pool: that runs the engines.
            vlms: those that ask servers.
            profiles: of the others.
            settings: the whole tree.
        """
        self._pool = pool
        self._vlms = vlms
        self._settings = settings
        self._profiles: Mapping[str, EngineProfile] = {
            **{name: profiles.of(name) for name in pool.engines},
            **{profile.name: profile for profile in vlms.profiles},
        }

    def states(self) -> Sequence[EngineState]:
        """Of all engines, the default first."""
        return [self.state(name) for name in self._pool.engines]

    def state(self, engine: str) -> EngineState:
        """Of one; raises UnknownEngine."""
        pool = self._pool.engines.get(engine)
        if pool is None:
            raise UnknownEngine(f"There is no engine {engine[:40]!r}.")
        status, group = pool.status(), self._vlms.endpoints.get(engine)
        state, reason, command = self._told(engine, status, group)
        views = tuple(map(_view, group.members)) if group is not None else ()
        return EngineState(engine, state, reason, command, self._profiles[engine], status, views)

    async def load(self, engine: str) -> None:
        """As `EngineHouse.load`."""
        self._pool.load(engine)
        self._vlms.wake(engine)

    async def unload(self, engine: str) -> None:
        """As `EngineHouse.unload`."""
        if engine in self._vlms.endpoints:
            await self._put_to_sleep(engine)
        else:
            self._pool.unload(engine)

    async def follow(self, engine: str, wanted: Wanted) -> None:
        """As `EngineHouse.follow`."""
        group = self._vlms.endpoints.get(engine)
        if group is not None:
            group.look()
        elif wanted == "loaded":
            self._pool.load(engine)
        else:
            self._pool.unload(engine)

    async def _put_to_sleep(self, engine: str) -> None:
        group = self._vlms.endpoints[engine]
        if self._profiles[engine].privacy == "remote":
            raise Conflict(f"The servers of {engine} are others': there is nothing to unload.")
        why = await group.waker.sleep() if group.waker is not None else []
        if group.may_call:
            told = " ".join(why) or f"The engine {engine} has pages to read; try again later."
            raise Conflict(told)

    def _told(
        self, engine: str, status: EngineStatus, group: "Endpoints | None"
    ) -> tuple[EngineStateName, str, str]:
        if status.unloaded is not None:
            return "sleeping", status.unloaded, ""
        if not status.ready:
            absence = absence_of(engine, self._settings, self._manifest) if status.failure else None
            if absence is not None:
                return "absent", f"{absence.reason} {status.failure}", absence.command
            told = status.failure or f"The engine {engine} is being loaded."
            return "broken" if status.failure else "loading", told, ""
        return ("ready", "", "") if group is None else self._told_of(engine, group)

    def _told_of(self, engine: str, group: "Endpoints") -> tuple[EngineStateName, str, str]:
        if group.may_call:
            looked = any(m.state == "ready" or not m.endpoint.is_probed for m in group.members)
            return ("ready", "", "") if looked else ("loading", "Nobody has looked at it yet.", "")
        if group.waker is not None and group.waker.is_waking:
            return "loading", f"The servers of {engine} are being woken.", ""
        if group.is_asleep:
            return "sleeping", f"The servers of {engine} are asleep until they are needed.", ""
        outage = self._vlms.outage(engine) or ""
        absence = self._absence_of(group)
        if absence is not None:
            return "absent", f"{outage} {absence.reason}", absence.command
        return "broken", outage, ""

    def _absence_of(self, group: "Endpoints") -> Absence | None:
        """Weights that are missing, where a server of this site is away and may wait for them."""
        for member in group.members:
            if member.endpoint.privacy == "local" and member.state == "away":
                return absence_of_weights(member.endpoint.model, self._settings, self._manifest)
        return None

    @cached_property
    def _manifest(self) -> Manifest:
        return load_manifest()


@contextmanager
def models_in_use(settings: Settings, vlms: Vlms) -> Iterator[None]:
    """While this is open, `maoocr models remove` leaves what the engines read."""
    models = tuple(
        member.endpoint.model
        for group in vlms.endpoints.values()
        for member in group.members
        if member.endpoint.privacy == "local"
    )
    with ExitStack() as stack:
        for folder in used_folders(settings, models, load_manifest()):
            stack.enter_context(being_used(folder))
        yield


def _view(member: "Member") -> EndpointView:
    endpoint, status = member.endpoint, member.status()
    return EndpointView(
        name=endpoint.name,
        state=status.state,
        reason=status.reason,
        model=endpoint.model,
        privacy=endpoint.privacy,
        in_flight=status.in_flight,
        concurrency=status.concurrency,
        waiting=status.waiting,
        kv_cache=status.kv_cache,
        context_tokens=status.context_tokens,
        price_input_per_1k=endpoint.price_input_per_1k,
        price_output_per_1k=endpoint.price_output_per_1k,
        price_per_page=endpoint.price_per_page,
        daily_budget=endpoint.daily_budget,
        spent_today=status.spent_today,
    )
