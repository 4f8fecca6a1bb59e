"""A Redis that is killed, frozen and started again: nobody is hurt, and it is used again."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from maoocr.cache import redis_wire
from maoocr.cache.flights import Landed
from maoocr.cache.redis_flights import RedisFlights
from maoocr.cache.redis_link import RedisAway
from maoocr.cache.redis_results import FORMAT
from maoocr.cache.shared import Shared
from maoocr.errors import CacheUnavailable
from tests.fakes.replicas import OpenReplica, opened, replicas
from tests.servers import RedisServer

pytestmark = pytest.mark.integration

PATIENCE_S = 30.0


@pytest_asyncio.fixture
async def another(mortal: RedisServer) -> AsyncIterator[OpenReplica]:
    async with replicas(mortal.url) as open_replica:
        yield open_replica


async def until_away(shared: Shared) -> None:
    """The end of the connection that listens is noticed without a request."""
    async with asyncio.timeout(PATIENCE_S):
        while shared.link is not None:
            if not shared.link.is_ready:
                return
            await asyncio.sleep(0)


async def heard(ear: AsyncIterator[bytes | None]) -> bytes | None:
    async with asyncio.timeout(PATIENCE_S):
        return await anext(ear)


async def test_while_it_is_away_nothing_fails_and_nothing_waits(
    mortal: RedisServer, another: OpenReplica
) -> None:
    one = await another()
    assert one.link is not None
    mortal.stop()
    await until_away(one)
    began = time.perf_counter()
    for number in range(1000):
        assert await one.results.get(str(number)) is None
    assert (time.perf_counter() - began) / 1000 < 0.001
    await one.results.set("a", b"1")
    assert await one.results.get("a") == b"1"
    assert (await one.flights.run("k", answer)).value == b"42"
    assert (await one.rates.take("key", 5)).remaining == 4
    await one.wire.publish("t", b"nobody hears")
    assert one.link.failure
    with pytest.raises(RedisAway):
        await one.link.ping()
    with pytest.raises(CacheUnavailable):
        await one.results.purge("a")
    assert await one.results.get("a") is None


async def answer() -> bytes:
    return b"42"


async def test_it_is_used_again_when_it_is_back(mortal: RedisServer, another: OpenReplica) -> None:
    one, two = await another(), await another()
    mortal.stop()
    await until_away(one)
    await asyncio.to_thread(mortal.start)
    await opened(one)
    await opened(two)
    await one.results.set("a", b"1")
    assert await two.results.get("a") == b"1"
    async with two.wire.subscribe("t") as ear:
        await one.wire.publish("t", b"heard")
        assert await heard(ear) == b"heard"
    assert one.link is not None
    assert await one.link.ping() < PATIENCE_S


async def test_a_frozen_one_costs_one_command_and_then_nothing(
    mortal: RedisServer, another: OpenReplica
) -> None:
    one = await another()
    assert one.link is not None
    mortal.freeze()
    began = time.perf_counter()
    assert await one.results.get("a") is None
    first_s = time.perf_counter() - began
    assert not one.link.is_ready
    began = time.perf_counter()
    assert await one.results.get("a") is None
    assert time.perf_counter() - began < first_s / 10
    assert first_s < 2
    mortal.thaw()
    await opened(one)
    await one.results.set("a", b"1")
    assert await one.results.get("a") == b"1"


async def test_who_waits_for_another_computes_when_redis_goes(
    mortal: RedisServer, another: OpenReplica
) -> None:
    one, two = await another(), await another()
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow() -> bytes:
        begun.set()
        await end.wait()
        return b"slow"

    first = asyncio.ensure_future(one.flights.run("k", slow))
    await begun.wait()
    second = asyncio.ensure_future(two.flights.run("k", answer))
    await asyncio.sleep(0)
    mortal.stop()
    assert await second == Landed(b"42", is_shared=False)
    end.set()
    assert await first == Landed(b"slow", is_shared=False)


async def test_a_holder_whose_lock_was_forgotten_makes_it_again(
    mortal: RedisServer, another: OpenReplica
) -> None:
    one, two = await another(), await another()
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow() -> bytes:
        begun.set()
        await end.wait()
        return b"slow"

    first = asyncio.ensure_future(quick_locks(one).run("k", slow))
    await begun.wait()
    mortal.stop()
    await until_away(one)
    await until_away(two)
    await asyncio.to_thread(mortal.start)
    await opened(one)
    await opened(two)
    await until_locked(one)
    second = asyncio.ensure_future(two.flights.run("k", answer))
    async with two.wire.subscribe("flight:k"):
        end.set()
        assert (await first).value == b"slow"
    assert await second in (Landed(b"slow", is_shared=True), Landed(b"42", is_shared=False))


async def until_locked(shared: Shared) -> None:
    assert shared.link is not None
    name = f"{shared.link.prefix}:flight:k"
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await shared.link.ask("flights", lambda redis: redis.exists(name)):
                return


def quick_locks(shared: Shared) -> RedisFlights:
    """Flights whose locks are renewed so often that a test need not wait for it."""
    flights = shared.flights
    assert isinstance(flights, RedisFlights)
    return RedisFlights(flights._link, flights._wire, flights._cache, lock_s=0.3)


async def test_a_listener_is_told_when_the_wire_breaks_and_when_it_is_whole(
    mortal: RedisServer, another: OpenReplica
) -> None:
    one, two = await another(), await another()
    async with two.wire.subscribe("t") as ear:
        mortal.stop()
        assert await heard(ear) is None
        # This process still hears itself.
        await two.wire.publish("t", b"near")
        assert await heard(ear) == b"near"
        await asyncio.to_thread(mortal.start)
        assert await heard(ear) is None
        await opened(one)
        await one.wire.publish("t", b"far")
        assert await heard(ear) == b"far"


async def test_a_silent_connection_is_given_up(
    mortal: RedisServer, another: OpenReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_wire, "SILENCE_S", 0.3)
    monkeypatch.setattr(redis_wire, "PING_EVERY_S", 0.1)
    one = await another()
    async with one.wire.subscribe("t") as ear:
        mortal.freeze()
        assert await heard(ear) is None
        mortal.thaw()
        assert await heard(ear) is None


async def test_what_was_used_meanwhile_is_added_to_the_total(
    mortal: RedisServer, another: OpenReplica
) -> None:
    one, two = await another(), await another()
    assert await one.rates.add("key", 5) == 5
    assert await two.rates.add("key", 1) == 6
    mortal.freeze()
    assert await one.rates.add("key", 2) == 7
    assert await one.rates.total("key") == 7
    mortal.thaw()
    await opened(one)
    await opened(two)
    assert await one.rates.total("key") == 8
    assert await two.rates.total("key") == 8


async def test_one_that_was_never_there_is_no_hindrance(mortal: RedisServer) -> None:
    mortal.stop()
    async with replicas(mortal.url, wait=False) as another:
        one = await another()
        assert await one.results.get("a") is None
        assert (await one.flights.run("k", answer)).value == b"42"
        await asyncio.to_thread(mortal.start)
        await opened(one)
        await one.results.set("a", b"1")
        assert await one.results.get("a") == b"1"


async def test_a_command_that_is_refused_is_a_miss_and_closes_nothing(
    another: OpenReplica,
) -> None:
    one = await another()
    link = one.link
    assert link is not None
    name = f"{link.prefix}:result:{FORMAT}:a"
    await link.ask("results", lambda redis: redis.sadd(name, "no value"))
    assert await one.results.get("a") is None
    assert link.is_ready
    errors = link._metrics.redis_errors.labels("results")
    assert errors._value.get() == 1


async def test_what_is_stored_but_none_of_ours_is_a_miss(another: OpenReplica) -> None:
    one = await another()
    link = one.link
    assert link is not None
    await link.ask("results", lambda redis: redis.set(f"{link.prefix}:result:{FORMAT}:a", b"?"))
    assert await one.results.get("a") is None
    await one.results.set("a", b"1")
    assert await one.results.get("a") == b"1"


async def test_a_topic_that_nobody_listens_to_any_more_is_let_go(
    another: OpenReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_wire, "PING_EVERY_S", 0.05)
    one = await another()
    link = one.link
    assert link is not None
    channel = f"{link.prefix}:wire:t"
    async with one.wire.subscribe("t"):
        assert await link.ask("wire", lambda redis: redis.pubsub_channels(channel))
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if not await link.ask("wire", lambda redis: redis.pubsub_channels(channel)):
                break
    async with one.wire.subscribe("t"):
        assert await link.ask("wire", lambda redis: redis.pubsub_channels(channel))
