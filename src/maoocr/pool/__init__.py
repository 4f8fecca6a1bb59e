"""The engine pool: who reads which page, when, and what happens when somebody dies over it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .admission import Admission as Admission
    from .cores import gateway_cores as gateway_cores
    from .cores import most_threads as most_threads
    from .engine_pool import EngineStatus as EngineStatus
    from .pool import Pool as Pool
    from .pool import PoolStatus as PoolStatus
    from .supervisor import LaneStatus as LaneStatus
    from .tickets import PageTask as PageTask

_HOMES = {
    "Admission": "admission",
    "EngineStatus": "engine_pool",
    "LaneStatus": "supervisor",
    "PageTask": "tickets",
    "Pool": "pool",
    "PoolStatus": "pool",
    "gateway_cores": "cores",
    "most_threads": "cores",
}
__all__ = [
    "Admission",
    "EngineStatus",
    "LaneStatus",
    "PageTask",
    "Pool",
    "PoolStatus",
    "gateway_cores",
    "most_threads",
]


def __getattr__(name: str) -> Any:
    # On first use: a lane's process imports this package too and needs no gateway.
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
