"""Run by Alembic: every revision in one transaction, under a lock that all replicas share."""

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import context
from sqlalchemy import URL, Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

LOCK = 0x6D616F6F6372
"""The advisory lock's number: `maoocr` in ASCII."""


def run(connection: Connection) -> None:
    """Apply what is missing."""
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.commit()
    try:
        context.configure(connection=connection, render_as_batch=not is_postgres)
        with context.begin_transaction():
            context.run_migrations()
    finally:
        if is_postgres:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})


@contextmanager
def file_lock(url: URL) -> Iterator[None]:
    """SQLite has no lock that outlives a transaction, so a file beside it is one."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        yield
        return
    with Path(f"{url.database}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


async def main(url: URL) -> None:
    """Connect and apply."""
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


address = make_url(context.config.attributes["url"])
with file_lock(address):
    asyncio.run(main(address))
