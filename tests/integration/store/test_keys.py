"""Keys and usage as rows, on both databases."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from maoocr.service.keyring import secret_hash
from maoocr.service.keys import Keys
from maoocr.store.connecting import database_url as address
from maoocr.store.database import Database
from maoocr.store.keys import KeyRows
from maoocr.store.tables import usage
from maoocr.store.usage import UsageRows

pytestmark = pytest.mark.integration

NOW = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(address(database_url, Path()))
    database.start()
    async with asyncio.timeout(60):
        await database.wait_ready()
    yield database
    await database.close()


async def test_a_key_comes_back_as_it_was_made(database: Database) -> None:
    rows = KeyRows(database)
    assert not await rows.were_made()
    end = NOW + datetime.timedelta(days=9)
    key, secret = await Keys(rows, now=lambda: NOW).create(
        "猫 key", ["v1", "admin"], rate_per_minute=3, pages_per_month=2**31 - 1, expires_at=end
    )
    assert await rows.find(secret_hash(secret)) == key
    assert await rows.find(secret_hash(secret + "x")) is None
    assert await rows.were_made()


async def test_of_the_secret_nothing_is_in_the_database(database: Database) -> None:
    _, secret = await Keys(KeyRows(database)).create("mine", [])
    async with database.read() as connection:
        row = (await connection.execute(text("SELECT * FROM api_keys"))).one()
    assert secret.split("_")[2] not in str(row)
    assert secret_hash(secret) in row


async def test_the_newest_key_comes_first(database: Database) -> None:
    keys = Keys(KeyRows(database))
    made = [(await keys.create(f"key {n}", []))[0] for n in range(3)]
    assert [key.id for key in await keys.all()] == sorted((key.id for key in made), reverse=True)


async def test_the_first_moment_of_a_revocation_stays(database: Database) -> None:
    rows = KeyRows(database)
    key, _ = await Keys(rows).create("mine", [])
    assert await rows.revoke(key.id, NOW) == replace(key, revoked_at=NOW)
    again = await rows.revoke(key.id, NOW + datetime.timedelta(days=1))
    assert again is not None
    assert again.revoked_at == NOW
    assert await rows.revoke("0" * 26, NOW) is None


async def test_the_last_use_is_not_written_twice_in_a_minute(database: Database) -> None:
    rows = KeyRows(database)
    key, secret = await Keys(rows).create("mine", [])
    for seconds in (0, 30, 59):
        await rows.touch(key.id, NOW + datetime.timedelta(seconds=seconds))
    found = await rows.find(secret_hash(secret))
    assert found is not None
    assert found.last_used_at == NOW
    await rows.touch(key.id, NOW + datetime.timedelta(seconds=61))
    found = await rows.find(secret_hash(secret))
    assert found is not None
    assert found.last_used_at == NOW + datetime.timedelta(seconds=61)


async def test_one_secret_is_one_key(database: Database) -> None:
    rows = KeyRows(database)
    key, secret = await Keys(rows).create("mine", [])
    with pytest.raises(IntegrityError):
        await rows.add(replace(key, id="0" * 26), secret_hash(secret))


async def test_usage_is_summed_by_owner_and_days(database: Database) -> None:
    days = [datetime.date(2026, 4, 30), datetime.date(2026, 5, 1), datetime.date(2026, 5, 31)]
    rows = [
        {"owner": owner, "day": day, "requests": 1, "pages": pages, "seconds": 0.5, "cost": 0.0}
        for owner, pages in (("a", 10), ("b", 100))
        for day in days
    ]
    async with database.write() as connection:
        await connection.execute(insert(usage), rows)
    found = UsageRows(database)
    assert await found.pages("a", days[1], days[2]) == 20
    assert await found.pages("nobody", days[1], days[2]) == 0
    both = await found.days(None, days[0], days[1])
    assert [(day.owner, day.day, day.pages) for day in both] == [
        ("a", days[0], 10),
        ("b", days[0], 100),
        ("a", days[1], 10),
        ("b", days[1], 100),
    ]
    assert [day.pages for day in await found.days("b", days[2], days[2])] == [100]
