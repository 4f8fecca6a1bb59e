"""What replicas share, opened as each of several replicas would."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client import CollectorRegistry

from maoocr.cache.redis_wire import RedisWire
from maoocr.cache.shared import Shared, open_shared
from maoocr.settings import CacheSettings, Settings
from maoocr.telemetry.metrics import Metrics

__all__ = ["OpenReplica", "new_prefix", "opened", "replicas"]

OpenReplica = Callable[[], Awaitable[Shared]]


def new_prefix() -> str:
    """Keeps the keys of one test apart from those of the others."""
    return f"test-{uuid.uuid4().hex[:12]}"


@asynccontextmanager
async def replicas(redis_url: str, *, wait: bool = True) -> AsyncIterator[OpenReplica]:
    """Opens one after the other; all are closed at the end. Without a Redis all are the same."""
    cache = CacheSettings(prefix=new_prefix())
    settings = Settings(_env_file=None, redis_url=redis_url, cache=cache)
    alone: list[Shared] = []
    async with AsyncExitStack() as stack:

        async def another() -> Shared:
            if alone and not redis_url:
                return alone[0]
            metrics = Metrics(CollectorRegistry())
            shared = await stack.enter_async_context(open_shared(settings, metrics))
            if wait:
                await opened(shared)
            alone.append(shared)
            return shared

        yield another


async def opened(shared: Shared) -> None:
    """Return when Redis is in use and other replicas are heard."""
    if shared.link is not None and isinstance(shared.wire, RedisWire):
        await shared.link.wait_ready()
        await shared.wire.wait_whole()
