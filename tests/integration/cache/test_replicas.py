"""Two gateways in processes of their own that share one Redis behave as one."""

import asyncio
import collections
import time

import httpx
import pytest
from redis.asyncio import Redis

from tests.fakes.gateway import GatewayProcess
from tests.integration.cache.conftest import (
    StartGateway,
    pages_read,
    picture,
    read,
    until,
    until_ready,
)
from tests.servers import RedisServer

pytestmark = pytest.mark.integration

UPLOADS = 200
PATIENCE_S = 60.0


def client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=UPLOADS)
    return httpx.AsyncClient(timeout=PATIENCE_S, limits=limits, trust_env=False)


async def test_two_replicas_behave_as_one(
    redis_server: RedisServer, start_gateway: StartGateway
) -> None:
    both = [start_gateway(redis_server.url, delay_s=0.5) for _ in range(2)]
    async with client() as http:
        await until_ready(http, *both)
        await identical_uploads_are_one_computation(http, both)
        await what_one_read_the_other_knows(http, *both)


async def identical_uploads_are_one_computation(
    http: httpx.AsyncClient, both: list[GatewayProcess]
) -> None:
    data = picture("the same")
    uploads = (read(http, both[number % 2], data) for number in range(UPLOADS))
    answers = await asyncio.gather(*uploads)
    assert {answer.text for answer in answers if answer.status_code != 200} == set()
    assert {answer.json()["text"] for answer in answers} == {"the same"}
    assert len({answer.headers["x-cache-key"] for answer in answers}) == 1
    found = collections.Counter(answer.headers["x-cache"] for answer in answers)
    assert found["miss"] == 1, found
    assert found["shared"] >= UPLOADS // 4, found
    assert await pages_read(http, *both) == 1


async def what_one_read_the_other_knows(
    http: httpx.AsyncClient, one: GatewayProcess, two: GatewayProcess
) -> None:
    assert (await read(http, one, picture("a"))).headers["x-cache"] == "miss"
    answer = await read(http, two, picture("a"))
    assert (answer.headers["x-cache"], answer.json()["text"]) == ("hit", "a")


async def test_a_killed_holder_is_replaced(
    redis_server: RedisServer, start_gateway: StartGateway, prefix: str
) -> None:
    slow = start_gateway(redis_server.url, delay_s=PATIENCE_S)
    quick = start_gateway(redis_server.url)
    data = picture("taken over")
    async with client() as http, Redis.from_url(redis_server.url) as redis:

        async def somebody_holds() -> bool:
            return bool(await redis.keys(f"{prefix}:flight:*"))

        async def somebody_waits() -> bool:
            return bool(await redis.pubsub_channels(f"{prefix}:wire:flight:*"))

        await until_ready(http, slow, quick)
        first = asyncio.ensure_future(read(http, slow, data))
        await until(somebody_holds)
        second = asyncio.ensure_future(read(http, quick, data))
        await until(somebody_waits)
        slow.kill()
        killed = time.monotonic()
        answer = await second
        assert (answer.status_code, answer.json()["text"]) == (200, "taken over")
        assert answer.headers["x-cache"] == "miss"
        assert time.monotonic() - killed < 6
        with pytest.raises(httpx.TransportError):
            await first


async def test_another_model_is_not_answered_from_the_old_ones_results(
    redis_server: RedisServer, start_gateway: StartGateway
) -> None:
    old = start_gateway(redis_server.url, digest="model-1")
    new = start_gateway(redis_server.url, digest="model-2")
    async with client() as http:
        await until_ready(http, old, new)
        first = await read(http, old, picture("a"))
        second = await read(http, new, picture("a"))
        assert second.headers["x-cache"] == "miss"
        assert first.headers["x-cache-key"] != second.headers["x-cache-key"]
        assert (await read(http, new, picture("a"))).headers["x-cache"] == "hit"
        # Both at once: the new one does not wait for the old one's answer either.
        at_once = await asyncio.gather(*(read(http, each, picture("b")) for each in (old, new)))
        assert [answer.headers["x-cache"] for answer in at_once] == ["miss", "miss"]
