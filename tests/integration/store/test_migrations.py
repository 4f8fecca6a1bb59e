"""The tables come up from nothing and from every revision, by several replicas at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from maoocr.store.connecting import database_url as address
from maoocr.store.connecting import make_engine
from maoocr.store.database import Database
from maoocr.store.migrate import head, migrations_folder, upgrade
from maoocr.store.tables import metadata

pytestmark = pytest.mark.integration

REVISIONS = sorted(
    p.name.partition("_")[0] for p in (migrations_folder() / "versions").glob("*.py")
)


@asynccontextmanager
async def engine_of(url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(address(url, Path()))
    try:
        yield engine
    finally:
        await engine.dispose()


async def opened(url: str) -> Database:
    database = Database(address(url, Path()))
    database.start()
    async with asyncio.timeout(60):
        await database.wait_ready()
    return database


async def test_from_nothing_the_tables_are_those_of_the_code(database_url: str) -> None:
    database = await opened(database_url)
    await database.close()
    async with engine_of(database_url) as engine, engine.connect() as connection:
        assert await connection.run_sync(differences) == []


def differences(connection: Connection) -> list[Any]:
    def counts(obj: Any, name: str | None, kind: str, *_: Any) -> bool:
        # Indexes on expressions and the search tables are each database's own.
        return "search" not in (name or "") and name != "alembic_version"

    context = MigrationContext.configure(
        connection, opts={"include_object": counts, "compare_type": True}
    )
    return list(compare_metadata(context, metadata))


@pytest.mark.parametrize("revision", REVISIONS)
async def test_from_each_revision_with_rows_in_it(database_url: str, revision: str) -> None:
    upgrade(address(database_url, Path()), revision)
    async with engine_of(database_url) as engine, engine.begin() as connection:
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        filled = [name for name in ROWS if name in tables]
        for name in filled:
            await connection.execute(text(ROWS[name]))
    database = await opened(database_url)
    async with database.read() as connection:
        for name in filled:
            assert await connection.scalar(text(f"SELECT count(*) FROM {name}")) == 1
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == head()
    await database.close()


async def test_two_replicas_at_once(database_url: str) -> None:
    databases = await asyncio.gather(*(opened(database_url) for _ in range(3)))
    for database in databases:
        assert await database.ping() >= 0
        await database.close()


ROWS = {
    "history": (
        "INSERT INTO history (id, created_at, owner, request_id, name, kind, sha256, size, engine,"
        " document_type, language, confidence, pages_total, pages_done, seconds, cached, answer,"
        " tokens) VALUES ('01', '2026-01-01 00:00:00', '', 'r', 'a.png', 'png', 'f', 1, 'ppocr',"
        " 'auto', 'en', 0.5, 1, 1, 0.5, false, '', 'hello')"
    ),
    "usage": "INSERT INTO usage VALUES ('', '2026-01-01', 1, 1, 1, 0)",
    "api_keys": (
        "INSERT INTO api_keys (id, name, hash, scopes, created_at)"
        " VALUES ('01', 'a', 'h', 'recognize', '2026-01-01 00:00:00')"
    ),
    "jobs": (
        "INSERT INTO jobs (id, owner, status, priority, request_hash, request_id, options,"
        " files_uncounted, pages_known, pages_done, pages_failed, last_event, created_at,"
        " served_at)"
        " VALUES ('01', '', 'queued', 0, 'h', 'r', '{}', 1, 0, 0, 0, 0, '2026-01-01 00:00:00',"
        " '2026-01-01 00:00:00')"
    ),
    "ledger": "INSERT INTO ledger VALUES ('2026-01-01', '', 'page', 'vlm', '', 1, 1, 1, 1, 1, 1)",
    "spending": "INSERT INTO spending VALUES ('2026-01-01', 'cloud', '01', 1, 1, 1, 1)",
    "counted": "INSERT INTO counted VALUES ('01')",
    "engine_wishes": "INSERT INTO engine_wishes VALUES ('vlm', 'loaded', '2026-01-01 00:00:00')",
}
"""One row of each table, as its first revision has it."""
