"""What caches, flights, wires and rates owe their callers, in memory and over a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from maoocr.cache.flights import Landed
from tests.fakes.replicas import OpenReplica, replicas
from tests.servers import RedisServer

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture(params=["memory", "redis"])
async def another(request: pytest.FixtureRequest) -> AsyncIterator[OpenReplica]:
    """Opens one more replica; in memory there is only one."""
    url = ""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        url = server.url
    async with replicas(url) as open_replica:
        yield open_replica


class Computation:
    """Runs until it is told to end; counts its runs over all replicas."""

    def __init__(self, value: bytes = b"text") -> None:
        self.value = value
        self.runs = 0
        self.failure: Exception | None = None
        self.begun = asyncio.Event()
        self.end = asyncio.Event()

    async def __call__(self) -> bytes:
        self.runs += 1
        self.begun.set()
        await self.end.wait()
        if self.failure is not None and self.runs == 1:
            raise self.failure
        return self.value


# The cache


async def test_what_one_replica_sets_the_other_gets(another: OpenReplica) -> None:
    one, two = await another(), await another()
    assert await two.results.get("a") is None
    for value in (b"\x00\xff", b"", b"line " * 10_000):
        await one.results.set("a", value)
        three = await another()
        assert await three.results.get("a") == value
    assert await two.results.get("b") is None


async def test_a_purged_answer_is_gone_everywhere(another: OpenReplica) -> None:
    one, two = await another(), await another()
    await one.results.set("a", b"1")
    await one.results.set("b", b"2")
    assert await two.results.get("a") == b"1"
    async with two.wire.subscribe("purges") as heard:
        assert await one.results.purge("a")
        assert await one.results.get("a") is None
        if two is not one:
            await anext(heard)
    assert await two.results.get("a") is None
    assert await two.results.get("b") == b"2"
    assert not await two.results.purge("a")


async def test_an_answer_that_was_replaced_is_nowhere_any_more(another: OpenReplica) -> None:
    one, two = await another(), await another()
    await one.results.set("a", b"old")
    assert await two.results.get("a") == b"old"
    async with two.wire.subscribe("purges") as heard:
        await one.results.set("a", b"new")
        if two is not one:
            await anext(heard)
    assert await one.results.get("a") == b"new"
    assert await two.results.get("a") == b"new"


# Flights


async def test_identical_computations_of_replicas_run_once(another: OpenReplica) -> None:
    crowd = [await another() for _ in range(3)]
    compute = Computation()

    async def kept() -> bytes:
        found = await compute()
        await crowd[0].results.set("k", found)
        return found

    first = asyncio.ensure_future(crowd[0].flights.run("k", kept))
    await compute.begun.wait()
    others = [asyncio.ensure_future(each.flights.run("k", kept)) for each in crowd]
    await asyncio.sleep(0)
    compute.end.set()
    assert await first == Landed(b"text", is_shared=False)
    assert await asyncio.gather(*others) == [Landed(b"text", is_shared=True)] * 3
    assert compute.runs == 1


async def test_other_keys_do_not_wait(another: OpenReplica) -> None:
    one, two = await another(), await another()
    slow, quick = Computation(), Computation(b"other")
    quick.end.set()
    first = asyncio.ensure_future(one.flights.run("slow", slow))
    await slow.begun.wait()
    assert (await two.flights.run("quick", quick)).value == b"other"
    slow.end.set()
    await first


async def test_a_large_outcome_arrives_whole(another: OpenReplica) -> None:
    one, two = await another(), await another()
    value = bytes(range(256)) * 4096
    compute = Computation(value)

    async def kept() -> bytes:
        found = await compute()
        await one.results.set("k", found)
        return found

    first = asyncio.ensure_future(one.flights.run("k", kept))
    await compute.begun.wait()
    second = asyncio.ensure_future(two.flights.run("k", kept))
    compute.end.set()
    await first
    assert await second == Landed(value, is_shared=True)
    assert compute.runs == 1


async def test_when_the_one_waited_for_fails_the_next_computes(another: OpenReplica) -> None:
    one, two = await another(), await another()
    compute = Computation()
    compute.failure = ZeroDivisionError()
    first = asyncio.ensure_future(one.flights.run("k", compute))
    await compute.begun.wait()
    second = asyncio.ensure_future(two.flights.run("k", compute))
    compute.end.set()
    with pytest.raises(ZeroDivisionError):
        await first
    assert await second == Landed(b"text", is_shared=False)
    assert compute.runs == 2


async def test_when_the_one_waited_for_leaves_the_next_computes(another: OpenReplica) -> None:
    one, two = await another(), await another()
    compute = Computation()
    first = asyncio.ensure_future(one.flights.run("k", compute))
    await compute.begun.wait()
    second = asyncio.ensure_future(two.flights.run("k", compute))
    first.cancel()
    await asyncio.wait({first})
    compute.end.set()
    assert await second == Landed(b"text", is_shared=False)


async def test_who_waits_may_leave_without_hurting_anyone(another: OpenReplica) -> None:
    one, two = await another(), await another()
    compute = Computation()
    first = asyncio.ensure_future(one.flights.run("k", compute))
    await compute.begun.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await two.flights.run("k", compute)
    compute.end.set()
    assert await first == Landed(b"text", is_shared=False)
    assert compute.runs == 1


# The wire


async def test_a_message_reaches_everyone_who_listens_and_nobody_else(another: OpenReplica) -> None:
    one, two = await another(), await another()
    async with AsyncExitStack() as stack:
        ears = [await stack.enter_async_context(each.wire.subscribe("t")) for each in (one, two)]
        other = await stack.enter_async_context(two.wire.subscribe("other"))
        await one.wire.publish("t", b"\x00\xff first")
        await two.wire.publish("t", b"second")
        for ear in ears:
            assert {await anext(ear), await anext(ear)} == {b"\x00\xff first", b"second"}
        await one.wire.publish("other", b"end")
        assert await anext(other) == b"end"


async def test_messages_of_one_sender_keep_their_order(another: OpenReplica) -> None:
    one, two = await another(), await another()
    async with two.wire.subscribe("t") as ear:
        for number in range(200):
            await one.wire.publish("t", str(number).encode())
        assert [await anext(ear) for _ in range(200)] == [str(n).encode() for n in range(200)]


async def test_who_does_not_keep_up_is_told_that_he_missed_something(another: OpenReplica) -> None:
    one = await another()
    async with one.wire.subscribe("t") as ear:
        for number in range(1500):
            await one.wire.publish("t", str(number).encode())
        heard = [await anext(ear) for _ in range(1000)]
    assert heard[0] is None
    assert heard[-1] == b"1499"
    assert None not in heard[1:]


async def test_a_topic_can_be_left_and_listened_to_again(another: OpenReplica) -> None:
    one, two = await another(), await another()
    for number in range(20):
        async with two.wire.subscribe("t") as ear:
            await one.wire.publish("t", str(number).encode())
            assert await anext(ear) == str(number).encode()


# Rates


async def test_a_rate_holds_over_replicas(another: OpenReplica) -> None:
    one, two = await another(), await another()
    states = [await each.rates.take("key", 10) for each in (one, two) * 6]
    assert [state.allowed for state in states] == [True] * 10 + [False] * 2
    assert [state.remaining for state in states] == [*range(9, -1, -1), 0, 0]
    assert {state.limit for state in states} == {10}
    assert 0 < states[-1].retry_after_s <= 6
    assert 54 < states[-1].reset_s <= 60
    assert (await one.rates.take("other", 10)).allowed


async def test_a_cost_over_the_limit_is_all_of_it(another: OpenReplica) -> None:
    one = await another()
    assert (await one.rates.take("key", 5, cost=100)).allowed
    assert not (await one.rates.take("key", 5)).allowed


async def test_a_request_at_the_same_time_from_everywhere_is_counted_once(
    another: OpenReplica,
) -> None:
    crowd = [await another() for _ in range(3)]
    states = await asyncio.gather(*(each.rates.take("key", 20) for each in crowd * 10))
    assert sum(state.allowed for state in states) == 20


async def test_totals_of_the_month_add_up_over_replicas(another: OpenReplica) -> None:
    one, two = await another(), await another()
    assert await one.rates.total("key") == 0
    assert await one.rates.add("key", 5) == 5
    assert await two.rates.add("key", 2) == 7
    assert await one.rates.total("key") == 7
    assert await one.rates.total("other") == 0
