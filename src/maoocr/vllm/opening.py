"""Opens the endpoints of every engine that the settings name, and closes them."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from ..settings import VlmSettings
from ..telemetry.metrics import Metrics
from .balance import Endpoints
from .client import EndpointClient
from .endpoints import Endpoint
from .health import HealthWatch
from .member import Member
from .sleep import Sleeper

__all__ = ["open_endpoints"]


@asynccontextmanager
async def open_endpoints(
    endpoints: Sequence[Endpoint], settings: VlmSettings, metrics: Metrics
) -> AsyncIterator[Mapping[str, Endpoints]]:
    """The endpoints by engine. No server need be there yet.

    Args:
        endpoints: as `endpoints_of` found them.
        settings: when an endpoint is left alone, and how often one is looked at.
        metrics: of calls and endpoints.
    """
    engines: dict[str, Endpoints] = {}
    async with AsyncExitStack() as stack:
        tasks: list[asyncio.Task[None]] = []
        stack.push_async_callback(_end, tasks)
        for engine in dict.fromkeys(endpoint.engine for endpoint in endpoints):
            clients = [EndpointClient(e) for e in endpoints if e.engine == engine]
            for client in clients:
                stack.push_async_callback(client.close)
            members = [Member(client, settings, metrics) for client in clients]
            group = engines[engine] = Endpoints(members)
            sleeper = Sleeper(group, clients, settings)
            group.waker = sleeper
            stack.push_async_callback(sleeper.close)
            tasks += _watches(group, clients, settings.probe_seconds, sleeper)
            tasks.append(asyncio.create_task(sleeper.run()))
        # Exits run in reverse: the watches must end before the clients that they use.
        stack.push_async_callback(_end, tasks)
        yield engines


def _watches(
    group: Endpoints, clients: Sequence[EndpointClient], every_s: float, sleeper: Sleeper
) -> list[asyncio.Task[None]]:
    watches = [
        _watch(group, member, client, every_s, sleeper)
        for member, client in zip(group.members, clients, strict=True)
        if client.endpoint.is_probed
    ]
    for watch in watches:
        group.on_look(watch.hurry)
    return [asyncio.create_task(watch.run()) for watch in watches]


def _watch(
    group: Endpoints, member: Member, client: EndpointClient, every_s: float, sleeper: Sleeper
) -> HealthWatch:
    return HealthWatch(
        client,
        every_s,
        partial(group.hear, member),
        shows_life=lambda: member.shows_life,
        was_put_to_sleep=partial(sleeper.was_put_to_sleep, member),
        is_sleeping=partial(sleeper.is_sleeping, member),
        turns=partial(sleeper.turns, member),
    )


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
        tasks.clear()
