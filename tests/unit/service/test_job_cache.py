"""Pages of jobs in the result cache."""

from dataclasses import replace

import pytest

from maoocr.documents.kinds import kind_named
from maoocr.domain import PageError, PageResult, Selection, Spent, TextLine
from maoocr.service.job_cache import JobCache

LINE = TextLine("hello", 0.5, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), "fake")
PAGE = PageResult(1, 10, 20, lines=(LINE,), decode_s=1, recognize_s=2, spent=Spent(cost=3))


class Shelf:
    """A cache that forgets nothing."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def at_hand(self, key: str) -> bytes | None:
        return self.kept.get(key)

    async def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    async def set(self, key: str, value: bytes) -> None:
        self.kept[key] = value

    async def purge(self, key: str) -> bool:
        return self.kept.pop(key, None) is not None


async def test_a_page_that_was_read_before_costs_nothing() -> None:
    cache = JobCache(Shelf())
    assert await cache.get("a") is None
    await cache.set("a", PAGE, Selection("fake"))
    free = replace(PAGE, decode_s=0, recognize_s=0, spent=None)
    assert await cache.get("a") == free


async def test_without_a_key_nothing_is_looked_up_or_kept() -> None:
    shelf = Shelf()
    cache = JobCache(shelf)
    await cache.set(None, PAGE, Selection("fake"))
    assert shelf.kept == {}
    assert await cache.get(None) is None


@pytest.mark.parametrize("left", [b"", b"\xc1", b"\x80"])
async def test_what_another_version_left_is_a_miss(left: bytes) -> None:
    shelf = Shelf()
    shelf.kept["a"] = left
    assert await JobCache(shelf).get("a") is None


async def test_a_page_that_failed_is_not_kept() -> None:
    shelf = Shelf()
    failed = PageResult(1, error=PageError("engine_fault", "No.", retryable=False))
    await JobCache(shelf).set("a", failed, Selection("fake"))
    assert shelf.kept == {}


@pytest.mark.parametrize("kind", ["pdf", "tiff", "gif"])
def test_a_document_that_may_have_many_pages_has_no_key(kind: str) -> None:
    # The card is not looked at before.
    found = kind_named(kind)
    assert not found.paged or JobCache.key("f" * 64, found, None, None, None, ()) is None  # type: ignore[arg-type]
