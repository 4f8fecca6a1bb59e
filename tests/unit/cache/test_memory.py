from prometheus_client import CollectorRegistry

from maoocr.cache.memory import MemoryCache
from maoocr.telemetry.metrics import Metrics


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make(max_bytes: int = 10_000, clock: Clock | None = None) -> MemoryCache:
    return MemoryCache(max_bytes, 60.0, Metrics(CollectorRegistry()), clock or Clock())


async def test_what_was_set_is_got() -> None:
    cache = make()
    assert await cache.get("a") is None
    await cache.set("a", b"1")
    assert await cache.get("a") == b"1"


async def test_what_is_at_hand_is_a_hit_and_what_is_not_is_not_counted_yet() -> None:
    metrics = Metrics(CollectorRegistry())
    cache = MemoryCache(10_000, 60.0, metrics)
    assert cache.at_hand("a") is None
    await cache.set("a", b"1")
    assert cache.at_hand("a") == b"1"
    counted = metrics.registry.get_sample_value
    assert counted("maoocr_cache_requests_total", {"outcome": "hit"}) == 1
    assert not counted("maoocr_cache_requests_total", {"outcome": "miss"})


async def test_a_value_is_forgotten_when_its_time_is_over() -> None:
    clock = Clock()
    cache = make(clock=clock)
    await cache.set("a", b"1")
    clock.now = 59.9
    assert await cache.get("a") == b"1"
    clock.now = 60.0
    assert await cache.get("a") is None
    assert cache.size_bytes == 0


async def test_the_one_not_used_for_longest_makes_room() -> None:
    cache = make(3000)
    for key in "abc":
        await cache.set(key, bytes(500))
    await cache.get("a")
    await cache.set("d", bytes(500))
    assert [await cache.get(key) is not None for key in "abcd"] == [True, False, True, True]


async def test_the_bound_holds_whatever_is_set() -> None:
    cache = make(5000)
    for number in range(100):
        await cache.set(str(number % 30), bytes(number * 20))
        assert cache.size_bytes <= 5000


async def test_a_value_that_is_too_large_is_not_kept_and_drops_nothing_else() -> None:
    cache = make(2000)
    await cache.set("a", b"1")
    await cache.set("b", bytes(5000))
    assert await cache.get("b") is None
    assert await cache.get("a") == b"1"


async def test_setting_again_replaces() -> None:
    cache = make()
    await cache.set("a", bytes(100))
    size = cache.size_bytes
    await cache.set("a", bytes(100))
    assert cache.size_bytes == size


async def test_one_value_can_be_purged() -> None:
    cache = make()
    await cache.set("a", b"1")
    await cache.set("b", b"2")
    assert await cache.purge("a")
    assert not await cache.purge("a")
    assert await cache.get("b") == b"2"
