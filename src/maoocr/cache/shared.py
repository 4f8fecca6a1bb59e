"""What replicas share beside the database: over Redis where there is one, else in this process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from ..settings import Settings
from ..telemetry.metrics import Metrics
from .flights import MemoryFlights
from .memory import MemoryCache
from .rates import MemoryRates
from .redis_flights import RedisFlights
from .redis_link import RedisAway, RedisLink
from .redis_rates import RedisRates
from .redis_results import Keeping, RedisCache
from .redis_wire import RedisWire
from .wire import MemoryWire

__all__ = ["RedisAway", "RedisLink", "Shared", "open_shared"]


@dataclass(frozen=True, slots=True)
class Shared:
    """The four of a kind.

    Attributes:
        link: to the Redis; None without one.
    """

    results: MemoryCache | RedisCache
    flights: MemoryFlights | RedisFlights
    wire: MemoryWire | RedisWire
    rates: MemoryRates | RedisRates
    link: RedisLink | None


@asynccontextmanager
async def open_shared(settings: Settings, metrics: Metrics) -> AsyncIterator[Shared]:
    """Open them, and close them at exit. A Redis that is away is looked for meanwhile."""
    cache = settings.cache
    if not settings.redis_url:
        results = MemoryCache(cache.max_bytes, cache.ttl_seconds, metrics)
        yield Shared(results, MemoryFlights(), MemoryWire(), MemoryRates(), None)
        return
    async with AsyncExitStack() as stack:
        link = RedisLink(settings.redis_url, cache.prefix, cache.command_seconds, metrics)
        stack.push_async_callback(link.close)
        link.start()
        wire = RedisWire(link)
        stack.push_async_callback(wire.close)
        wire.start()
        value_bytes = cache.max_value_bytes if cache.max_bytes else 0
        keeping = Keeping(cache.ttl_seconds, value_bytes, cache.max_bytes)
        shared = RedisCache(link, wire, keeping, metrics)
        stack.push_async_callback(shared.close)
        shared.start()
        flights = RedisFlights(link, wire, shared)
        stack.push_async_callback(flights.close)
        yield Shared(shared, flights, wire, RedisRates(link), link)
