"""A database that goes away and comes back."""

import asyncio
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from maoocr.errors import StoreUnavailable
from maoocr.store.connecting import database_url as address
from maoocr.store.database import Database
from maoocr.store.tables import usage
from tests.servers import PostgresServer

pytestmark = pytest.mark.integration

DAY = datetime.date(2026, 1, 1)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    yield server
    server.stop()


async def opened(url: str) -> Database:
    database = Database(address(url, Path()))
    database.start()
    async with asyncio.timeout(60):
        await database.wait_ready()
    return database


async def test_what_is_written_is_there_and_what_failed_is_not(database_url: str) -> None:
    database = await opened(database_url)
    row = {"owner": "", "day": DAY, "requests": 1, "pages": 1}
    row |= {"seconds": 0.5, "cost": 0.0}
    async with database.write() as connection:
        await connection.execute(insert(usage).values(row))
    with pytest.raises(ZeroDivisionError):
        await write_and_fail(database, row | {"owner": "b"})
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(usage)) == 1
    await database.close()


async def write_and_fail(database: Database, row: dict[str, Any]) -> None:
    async with database.write() as connection:
        await connection.execute(insert(usage).values(row))
        raise ZeroDivisionError


async def test_before_it_was_found_every_use_is_refused_at_once(tmp_path: Path) -> None:
    database = Database(address("postgresql://127.0.0.1:9/nothing", tmp_path))
    database.start()
    with pytest.raises(StoreUnavailable):
        await database.ping()
    assert not database.is_ready
    assert database.failure
    await database.close()


async def test_a_killed_server_is_noticed_and_found_again(mortal: PostgresServer) -> None:
    database = await opened(mortal.url())
    assert await database.ping() > 0
    mortal.stop()
    with pytest.raises(StoreUnavailable):
        await database.ping()
    assert not database.is_ready
    await asyncio.to_thread(mortal.start)
    async with asyncio.timeout(60):
        await database.wait_ready()
    assert await database.ping() > 0
    await database.close()


async def test_many_writers_of_one_file_wait_for_each_other(database_url: str) -> None:
    databases = [await opened(database_url) for _ in range(3)]

    async def write(database: Database, number: int) -> None:
        async with database.write() as connection:
            row = {"owner": str(number), "day": DAY, "requests": 1}
            row |= {"pages": 1, "seconds": 0.5, "cost": 0.0}
            await connection.execute(insert(usage).values(row))

    await asyncio.gather(*(write(databases[n % 3], n) for n in range(60)))
    async with databases[0].read() as connection:
        assert await connection.scalar(select(func.count()).select_from(usage)) == 60
    for database in databases:
        await database.close()
