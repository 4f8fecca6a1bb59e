"""Redis is killed and started again under a load of single images: no request fails."""

import asyncio
import time

import httpx
import pytest

from tests.fakes.gateway import GatewayProcess
from tests.integration.cache.conftest import StartGateway, picture, read, until_ready
from tests.servers import RedisServer

pytestmark = pytest.mark.integration

CALLERS = 8
AWAY_S = 2.0
SLOWEST_S = 5.0


class Load:
    """Callers that each send one image after the other to both replicas in turn."""

    def __init__(self, http: httpx.AsyncClient, gateways: list[GatewayProcess]) -> None:
        self._http = http
        self._gateways = gateways
        self._numbers = iter(range(10**9))
        self.statuses: list[int] = []
        self.slowest_s = 0.0
        self._over = False

    async def run(self) -> None:
        await asyncio.gather(*(self._call() for _ in range(CALLERS)))

    async def answers(self, count: int) -> None:
        """Return when so many more were given."""
        wanted = len(self.statuses) + count
        while True:
            if len(self.statuses) >= wanted:
                return
            await asyncio.sleep(0.01)

    def stop(self) -> None:
        self._over = True

    async def _call(self) -> None:
        while not self._over:
            number = next(self._numbers)
            began = time.monotonic()
            gateway = self._gateways[number % 2]
            # Every fourth is one that was read before.
            answer = await read(self._http, gateway, picture(str(number - number % 4 // 3)))
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            self.statuses.append(answer.status_code)


async def test_no_request_fails_while_redis_is_away_and_it_is_used_again(
    mortal: RedisServer, start_gateway: StartGateway
) -> None:
    both = [start_gateway(mortal.url) for _ in range(2)]
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        await until_ready(http, *both)
        load = Load(http, both)
        running = asyncio.ensure_future(load.run())
        await load.answers(30)
        mortal.stop()
        await asyncio.wait({running}, timeout=AWAY_S)
        health = (await http.get(f"{both[0].url}/health")).json()
        assert (health["ready"], health["checks"]["redis"]["state"]) == (True, "degraded")
        await asyncio.to_thread(mortal.start)
        await until_ready(http, *both)
        mortal.freeze()
        await asyncio.wait({running}, timeout=AWAY_S)
        mortal.thaw()
        await until_ready(http, *both)
        await load.answers(30)
        load.stop()
        await running
        print(f"{len(load.statuses)} answers, the slowest after {load.slowest_s:.2f} s")  # noqa: T201
        assert set(load.statuses) == {200}
        assert load.slowest_s < SLOWEST_S
        one, two = both
        assert (await read(http, one, picture("again"))).headers["x-cache"] == "miss"
        assert (await read(http, two, picture("again"))).headers["x-cache"] == "hit"
