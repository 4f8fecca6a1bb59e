"""Lanes that end to give their memory back, and start again when they are needed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from maoocr.documents.kinds import kind_named
from maoocr.domain import OcrOptions
from maoocr.errors import Conflict
from maoocr.pool import PageTask, Pool
from maoocr.pool.idleness import Idleness
from tests.fakes.obedient_lanes import Orders, pool_of

PAGE = PageTask("0" * 64, kind_named("png"), 1, OcrOptions())


@asynccontextmanager
async def running(orders: Orders, *engines: str, **settings: object) -> AsyncIterator[Pool]:
    pool = pool_of(orders, *engines, **settings)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def read(pool: Pool, engine: str) -> str:
    deadline = time.monotonic() + 10
    with pool.admit(engine, 1, client="a", deadline=deadline) as admission:
        return (await admission.read(PAGE)).engine


async def test_an_unloaded_engine_has_no_lane_and_says_why() -> None:
    async with running(Orders(), "one", "two") as pool:
        pool.unload("two")
        await turns()
        assert pool.engines["two"].status().lanes[0].state == "unloaded"
        status = pool.status().engines["two"]
        assert (status.ready, status.failure) == (False, None)
        assert status.unloaded == ("The engine two was unloaded; it is loaded when it is needed.")
        assert pool.ready


async def test_it_is_loaded_when_it_is_needed() -> None:
    async with running(Orders(), "one", "two") as pool:
        pool.unload("two")
        assert await read(pool, "two") == "two"
        assert pool.status().engines["two"].unloaded is None


async def test_work_in_the_background_loads_it_too() -> None:
    async with running(Orders(), "one", "two") as pool:
        with pool.background("two") as admission:
            pool.unload("two")
            assert (await admission.read(PAGE)).engine == "two"


async def test_it_is_loaded_when_it_is_told_to() -> None:
    async with running(Orders(), "one", "two") as pool:
        pool.unload("two")
        await turns()
        assert not pool.engines["two"].ready
        pool.load("two")
        await turns()
        assert pool.engines["two"].ready


async def test_one_that_has_work_is_not_unloaded() -> None:
    orders = Orders()
    orders.gates["two"] = asyncio.Event()
    async with running(orders, "one", "two") as pool:
        task = asyncio.create_task(read(pool, "two"))
        await orders.begun.wait()
        with pytest.raises(Conflict, match="has pages to read"):
            pool.unload("two")
        orders.gates["two"].set()
        assert await task == "two"


async def test_the_default_engine_stays_while_nobody_stands_in() -> None:
    orders = Orders(absent={"two"})
    async with running(orders, "one", "two") as pool:
        with pytest.raises(Conflict, match="one is the default engine, and no other one is ready"):
            pool.unload("one")
    async with running(Orders(), "one", "two") as pool:
        pool.unload("one")
        await turns()
        assert not pool.engines["one"].ready
        assert (pool.ready, pool.pages_at_once) == (True, 2)
        assert await read(pool, "one") == "one"


async def test_an_extra_engine_that_is_idle_is_unloaded_by_itself() -> None:
    orders = Orders()
    async with running(orders, "one", "two", idle_unload_seconds=0.02) as pool:
        await orders.ended.wait()
        assert pool.engines["two"].is_unloaded
        unloaded = pool.status().engines["two"].unloaded or ""
        assert "MAOOCR_POOL__IDLE_UNLOAD_SECONDS" in unloaded
        assert not pool.engines["one"].is_unloaded
        assert await read(pool, "two") == "two"


def test_idleness_begins_when_the_work_ends() -> None:
    now, busy = [0.0], [False]
    idleness = Idleness(10.0, lambda: busy[0], lambda: None, lambda: now[0])
    now[0] = 4.0
    assert idleness.rest_s() == 6.0
    busy[0] = True
    now[0] = 9.0
    assert idleness.rest_s() == 10.0
    busy[0] = False
    now[0] = 12.0
    assert idleness.rest_s() == 7.0
    idleness.touch()
    assert idleness.rest_s() == 10.0
