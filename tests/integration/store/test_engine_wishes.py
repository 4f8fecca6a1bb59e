"""Wishes for engines as rows, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from maoocr.store.connecting import database_url as address
from maoocr.store.database import Database
from maoocr.store.engine_wishes import EngineWishRows
from maoocr.store.records import EngineWish

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest_asyncio.fixture
async def rows(database_url: str) -> AsyncIterator[EngineWishRows]:
    database = Database(address(database_url, Path()))
    database.start()
    async with asyncio.timeout(60):
        await database.wait_ready()
    yield EngineWishRows(database)
    await database.close()


async def test_the_last_wish_for_each_engine_is_kept_to_the_microsecond(
    rows: EngineWishRows,
) -> None:
    assert await rows.all() == []
    first = EngineWish("vlm", "unloaded", NOW)
    last = EngineWish("vlm", "loaded", NOW + MOMENT)
    other = EngineWish("paddle", "unloaded", NOW - MOMENT)
    for wish in (first, other, last, first):
        await rows.keep(wish)
    assert sorted(await rows.all(), key=lambda wish: wish.since) == [other, last]


async def test_of_two_at_once_the_later_one_stays(rows: EngineWishRows) -> None:
    wishes = [EngineWish("vlm", "unloaded", NOW + number * MOMENT) for number in range(20)]
    await asyncio.gather(*(rows.keep(wish) for wish in reversed(wishes)))
    assert await rows.all() == [wishes[-1]]
