"""What single flight does with a lock that nobody keeps, and with an outcome that is too large."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from maoocr.cache.flights import Landed
from maoocr.cache.redis_flights import MESSAGE_BYTES, RedisFlights
from maoocr.cache.redis_link import RedisLink
from maoocr.cache.shared import Shared
from tests.fakes.replicas import OpenReplica, replicas
from tests.servers import RedisServer

pytestmark = pytest.mark.integration

PATIENCE_S = 30.0


@pytest_asyncio.fixture
async def another(redis_server: RedisServer) -> AsyncIterator[OpenReplica]:
    async with replicas(redis_server.url) as open_replica:
        yield open_replica


async def answer() -> bytes:
    return b"42"


def link_of(shared: Shared) -> RedisLink:
    assert shared.link is not None
    return shared.link


async def until_waited_for(link: RedisLink) -> None:
    channel = f"{link.prefix}:wire:flight:k"
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await link.ask("wire", lambda redis: redis.pubsub_channels(channel)):
                return


async def test_a_lock_that_runs_out_is_taken_over(another: OpenReplica) -> None:
    one = await another()
    link, name = link_of(one), f"{link_of(one).prefix}:flight:k"
    await link.ask("flights", lambda redis: redis.set(name, "of a dead one", px=200))
    assert await one.flights.run("k", answer) == Landed(b"42", is_shared=False)


async def test_the_lock_of_another_one_is_not_given_back(another: OpenReplica) -> None:
    one = await another()
    link, name = link_of(one), f"{link_of(one).prefix}:flight:k"

    async def overtaken() -> bytes:
        await link.ask("flights", lambda redis: redis.set(name, "of the next", px=60_000))
        return b"late"

    assert (await one.flights.run("k", overtaken)).value == b"late"
    await closed(one)
    assert await link.ask("flights", lambda redis: redis.get(name)) == b"of the next"


async def closed(shared: Shared) -> None:
    """Return when every lock was given back."""
    assert isinstance(shared.flights, RedisFlights)
    await shared.flights.close()


async def test_an_outcome_too_large_for_a_message_comes_from_the_cache(
    another: OpenReplica,
) -> None:
    one, two = await another(), await another()
    value = os.urandom(2 * MESSAGE_BYTES)
    begun, end = asyncio.Event(), asyncio.Event()

    async def large() -> bytes:
        begun.set()
        await end.wait()
        await one.results.set("k", value)
        return value

    first = asyncio.ensure_future(one.flights.run("k", large))
    await begun.wait()
    second = asyncio.ensure_future(two.flights.run("k", answer))
    await until_waited_for(link_of(one))
    end.set()
    assert await first == Landed(value, is_shared=False)
    assert await second == Landed(value, is_shared=True)


async def test_what_landed_before_the_lock_is_found_in_the_cache(another: OpenReplica) -> None:
    one = await another()
    await one.results.set("k", b"there")
    assert await one.flights.run("k", answer) == Landed(b"there", is_shared=True)
    await closed(one)
    assert await one.flights.run("k", answer, fresh=True) == Landed(b"42", is_shared=False)
