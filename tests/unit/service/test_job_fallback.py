"""Pages of jobs go through the same plans as those of a request, and fall back likewise."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from maoocr.bootstrap.directory import PoolDirectory
from maoocr.documents.kinds import Kind
from maoocr.engines.profiles import Profiles
from maoocr.errors import EngineFault
from maoocr.service.job_cache import JobCache
from maoocr.service.job_reading import JobReading
from maoocr.settings import Settings
from maoocr.store.job_rows import Outcome, Read, Spoiled
from tests.fakes.obedient_lanes import Orders, pool_of
from tests.unit.service.test_fallback import PROFILES
from tests.unit.service.test_job_cache import Shelf
from tests.unit.service.test_job_reading import NoBlobs, claim
from tests.unit.service.test_recognizer import Counter, Sheet


class FullSpool:
    """A spool in which everything lies already."""

    async def bring(
        self, sha256: str, size: int, kind: Kind, fetch: Callable[[Path], Awaitable[None]]
    ) -> Sheet:
        return Sheet(sha256, kind, size)


class Desk:
    """The reading of jobs over a real pool."""

    def __init__(self, orders: Orders, engines: tuple[str, ...], pages: int) -> None:
        self.pool = pool_of(orders, *engines)
        self.shelf = Shelf()
        self.counter = Counter(pages)
        self.reading = JobReading(
            self.pool,
            PoolDirectory(self.pool, Profiles(PROFILES)),
            self.counter,
            cast(Any, FullSpool()),
            cast(Any, NoBlobs(AssertionError())),
            JobCache(self.shelf),
            Settings(_env_file=None).limits,
            attempts=1,
        )

    async def page(self, number: int = 1, kind: str = "png", **needs: object) -> Outcome:
        requirements = json.dumps(needs) if needs else None
        asked = claim(page=number, kind=kind, requirements=requirements)
        return await self.reading.outcome(asked)


@asynccontextmanager
async def desk(orders: Orders, *engines: str, pages: int = 1) -> AsyncIterator[Desk]:
    made = Desk(orders, engines, pages)
    await made.pool.start()
    try:
        yield made
    finally:
        made.reading.close()
        await made.pool.close()


def always(engine: str) -> Orders:
    return Orders(outcome=lambda name, page: EngineFault("It raised.") if name == engine else None)


async def test_a_page_of_a_job_falls_back_and_is_not_kept() -> None:
    async with desk(always("first"), "first", "next") as it:
        outcome = await it.page()
        assert isinstance(outcome, Read)
        assert (outcome.result.engine, outcome.result.flags) == ("next", ("fallback",))
        assert it.shelf.kept == {}


async def test_a_job_that_must_stay_local_fails_rather_than_leaves() -> None:
    orders = always("first")
    async with desk(orders, "first", "cloud") as it:
        assert isinstance(await it.page(privacy="local"), Spoiled)
        assert isinstance(await it.page(privacy="any"), Read)
    assert orders.read == [("first", 1), ("first", 1), ("cloud", 1)]


async def test_the_money_of_a_document_has_to_suffice_for_all_its_pages() -> None:
    orders = always("first")
    async with desk(orders, "first", "cloud", pages=10) as it:
        assert isinstance(await it.page(3, "pdf", max_cost=0.05), Spoiled)
        assert isinstance(await it.page(4, "pdf", max_cost=0.1), Read)
        assert it.counter.asked == 1
    assert [page for engine, page in orders.read if engine == "cloud"] == [4]
