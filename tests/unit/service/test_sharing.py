"""The use case beside other replicas: what it asks of the cache and the flights that they share."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from maoocr.cache.flights import Landed, MemoryFlights
from maoocr.cache.memory import MemoryCache
from maoocr.domain import OcrOptions, OcrResult
from maoocr.errors import DeadlineExceeded, UnreadableDocument
from maoocr.service.ports import Flights
from maoocr.service.recognizer import CacheUse, Recognizer
from maoocr.settings import LimitSettings
from maoocr.telemetry.metrics import Metrics
from tests.unit.service.test_recognizer import Counter, Engines, Pool, Sheet


class Elsewhere:
    """Another replica computes everything, and is done when the test says so."""

    def __init__(self, value: bytes = b"") -> None:
        self.value = value
        self.fresh: list[bool] = []
        self.end = asyncio.Event()

    async def run(
        self, key: str, compute: Callable[[], Awaitable[bytes]], *, fresh: bool = False
    ) -> Landed:
        self.fresh.append(fresh)
        await self.end.wait()
        return Landed(self.value, is_shared=True)


class Watched(MemoryFlights):
    """Tells when somebody waits for a computation of another one."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.waiting = asyncio.Event()

    async def run(
        self, key: str, compute: Callable[[], Awaitable[bytes]], *, fresh: bool = False
    ) -> Landed:
        self.calls += 1
        if self.calls == 2:
            self.waiting.set()
        return await super().run(key, compute, fresh=fresh)


class Replica:
    """One of several that share a cache and flights."""

    def __init__(
        self, cache: MemoryCache, flights: Flights, limits: LimitSettings | None = None
    ) -> None:
        self.pool = Pool()
        self.recognizer = Recognizer(
            self.pool,
            Engines(),
            Counter(),
            cache,
            flights,
            limits or LimitSettings(),
            Metrics(CollectorRegistry()),
        )

    def start(self, cache: CacheUse = "use") -> "asyncio.Task[OcrResult]":
        work = self.recognizer.recognize(Sheet(), OcrOptions(), cache=cache)
        return asyncio.ensure_future(work)


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache(1_000_000, 60.0, Metrics(CollectorRegistry()))


async def test_two_replicas_compute_the_same_once(cache: MemoryCache) -> None:
    flights = Watched()
    one, two = Replica(cache, flights), Replica(cache, flights)
    one.pool.gate.clear()
    first = one.start()
    await one.pool.begun.wait()
    others = [two.start() for _ in range(5)]
    await flights.waiting.wait()
    one.pool.gate.set()
    assert not (await first).shared
    results = await asyncio.gather(*others)
    assert all(result.shared for result in results)
    assert {result.text for result in results} == {"page 1"}
    assert two.pool.read_pages == []


async def test_a_failure_elsewhere_is_not_taken_over(cache: MemoryCache) -> None:
    flights = Watched()
    one, two = Replica(cache, flights), Replica(cache, flights)
    one.pool.gate.clear()
    one.pool.failing = {1: UnreadableDocument("broken")}
    first = one.start()
    await one.pool.begun.wait()
    second = two.start()
    await flights.waiting.wait()
    one.pool.gate.set()
    with pytest.raises(UnreadableDocument):
        await first
    assert (await second).text == "page 1"


async def test_who_waits_for_another_replica_keeps_his_own_deadline(cache: MemoryCache) -> None:
    replica = Replica(cache, Elsewhere(), LimitSettings(request_seconds=0.01))
    with pytest.raises(DeadlineExceeded, match="MAOOCR_LIMITS__REQUEST_SECONDS"):
        await replica.start()


async def test_an_answer_of_another_version_is_not_believed(cache: MemoryCache) -> None:
    elsewhere = Elsewhere(b"\xc1 no result")
    elsewhere.end.set()
    replica = Replica(cache, elsewhere)
    result = await replica.start()
    assert (result.text, result.shared) == ("page 1", False)
    known = Replica(cache, MemoryFlights())
    key = (await known.start("refresh")).cache_key
    assert key is not None
    await cache.set(key, b"\xc1 no result")
    assert not (await known.start()).cached
    assert (await known.start()).cached


async def test_who_wants_a_new_answer_says_so_to_the_others(cache: MemoryCache) -> None:
    elsewhere = Elsewhere(b"\xc1")
    elsewhere.end.set()
    replica = Replica(cache, elsewhere)
    await replica.start("refresh")
    await replica.start("off")
    assert elsewhere.fresh == [True]


async def test_an_answer_names_its_key_unless_it_is_not_cached(cache: MemoryCache) -> None:
    replica = Replica(cache, MemoryFlights())
    key = (await replica.start()).cache_key
    assert key is not None
    assert (await replica.start()).cache_key == key
    assert (await replica.start("off")).cache_key is None
