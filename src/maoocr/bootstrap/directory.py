"""What the selector knows of the engines, read off the pool and the profiles."""

from collections.abc import Callable, Sequence

from ..engines.profiles import EngineProfile, Profiles
from ..pool import Pool
from ..service.ports import EngineCard

__all__ = ["PoolDirectory"]


class PoolDirectory:
    """The engine directory that the service asks for."""

    def __init__(
        self,
        pool: Pool,
        profiles: Profiles,
        told: Sequence[EngineProfile] = (),
        budget_left: Callable[[str], float | None] = lambda engine: None,
        outage: Callable[[str], str | None] = lambda engine: None,
        is_asleep: Callable[[str], bool] = lambda engine: False,
        wake: Callable[[str], None] = lambda engine: None,
    ) -> None:
        """Make it.

        Args:
            pool: that runs the engines.
            profiles: of all engines, by their names.
            told: profiles that count instead, of engines that ask servers.
            budget_left: money that the servers of an engine may still cost today; None is no limit.
            outage: why none of the servers of an engine takes a call, as a sentence.
            is_asleep: whether all servers of an engine that take calls have to wake first.
            wake: begins to wake the servers of an engine.
        """
        self._pool = pool
        self._profiles = {name: profiles.of(name) for name in pool.engines}
        self._profiles |= {profile.name: profile for profile in told}
        self._budget_left = budget_left
        self._outage = outage
        self._is_asleep = is_asleep
        self._wake = wake

    def cards(self) -> Sequence[EngineCard]:
        """Of all engines, the default first."""
        return [
            EngineCard(
                self._profiles[name],
                engine.info,
                engine.ready and self._outage(name) is None,
                engine.failure or self._outage(name),
                pace=engine.pace,
                queue_pages=engine.queue_pages,
                pages_in_work=engine.pages_in_work,
                pages_at_once=max(1, engine.pages_at_once),
                is_asleep=engine.is_unloaded or self._is_asleep(name),
                budget_left=self._budget_left(name),
            )
            for name, engine in self._pool.engines.items()
        ]

    def wake(self, engine: str) -> None:
        """Begin to wake an engine that is asleep, or to load one that was unloaded."""
        self._pool.load(engine)
        self._wake(engine)
