"""One database, Postgres or SQLite: reached when it can be, migrated before it is used.

Nobody waits here for a database that is away: a keeper looks for it in the background, and until it
is found every use fails at once with `StoreUnavailable`.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Literal

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import StoreUnavailable
from .connecting import make_engine, told
from .migrate import head, upgrade
from .sqlite_file import SqliteFile

__all__ = ["Database"]

log = logging.getLogger("maoocr.store")

FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 5.0


class Database:
    """Connections to one database."""

    def __init__(self, url: URL) -> None:
        """Take the address (see `connecting.database_url`); nothing is opened before `start`."""
        is_file = url.get_backend_name() == "sqlite"
        self.kind: Literal["postgresql", "sqlite"] = "sqlite" if is_file else "postgresql"
        self._url = url
        self._engine = make_engine(url)
        self._file = SqliteFile(url.database or "")
        self._ready = asyncio.Event()
        self._away = asyncio.Event()
        self._failure = "It has not been looked for yet."
        self._keeper: asyncio.Task[None] | None = None
        # SQLite has one writer at a time and lets the others try by chance: who writes much would
        # keep the rest of this process waiting.
        self._turn: AbstractAsyncContextManager[None] = (
            asyncio.Lock() if self.kind == "sqlite" else nullcontext()
        )

    def start(self) -> None:
        """Begin to look for the database."""
        if self.kind == "sqlite" and self._url.database:
            # Where it cannot be made, the keeper tells that the file cannot be opened.
            with suppress(OSError):
                Path(self._url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._away.set()
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """End what goes on in the background and close every connection."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        await self._engine.dispose()
        await self._file.close()

    @property
    def is_ready(self) -> bool:
        """It was reached last time, and its tables are there."""
        return self._ready.is_set()

    @property
    def failure(self) -> str | None:
        """Why it is not ready, as a sentence without secrets."""
        return None if self.is_ready else self._failure

    async def wait_ready(self) -> None:
        """Return when it is ready."""
        await self._ready.wait()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        self._require_ready()
        try:
            async with self._engine.connect() as connection:
                yield connection
        except Exception as error:
            meant = self._meaning(error)
            if meant is error:
                raise
            raise meant from error

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction, which is committed at the end, or undone by an exception.

        Raises:
            StoreUnavailable: the database cannot be reached. Where it went away during the commit,
                nobody knows whether the transaction took place.
            StorageFull: there is no room.
        """
        async with self._turn, self.read() as connection:
            if self.kind == "sqlite":
                # At once as a writer: a reader that becomes one may fail where others write.
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            await connection.commit()

    async def write_at_once(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Run a transaction on SQLite in one step, in a thread of its own.

        For what is written with each answer: a statement at a time costs four times as much, in
        switches between threads.

        Raises:
            StoreUnavailable: as of `write`.
            StorageFull: likewise.
        """
        self._require_ready()
        try:
            await self._file.run(work)
        except Exception as error:
            meant = self._meaning(error)
            if meant is error:
                raise
            raise meant from error

    async def ping(self) -> float:
        """Seconds that the smallest question takes.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        started = time.monotonic()
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))
        return time.monotonic() - started

    def _require_ready(self) -> None:
        if not self.is_ready:
            raise StoreUnavailable(f"The database is away: {self._failure}")

    def _meaning(self, error: Exception) -> Exception:
        """What a driver's error means; itself where it is not the surroundings' fault."""
        meant = told(error)
        if isinstance(meant, StoreUnavailable):
            self._lost(meant.message)
        return meant or error

    def _lost(self, why: str) -> None:
        if self.is_ready:
            log.warning("database lost", extra={"reason": why})
        self._failure = why
        self._ready.clear()
        self._away.set()

    async def _keep(self) -> None:
        """Find the database whenever it is away."""
        while True:
            await self._away.wait()
            wait_s = FIRST_WAIT_S
            while not await self._find():
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            log.info("database found", extra={"kind": self.kind})
            self._away.clear()
            self._ready.set()

    async def _find(self) -> bool:
        try:
            if await self._revision() != head():
                await asyncio.to_thread(upgrade, self._url)
        except Exception as error:
            meant = told(error)
            if meant is None:
                log.exception("the database cannot be used")
            self._failure = meant.message if meant else "Its tables could not be brought up."
            return False
        return True

    async def _revision(self) -> str | None:
        async with self._engine.connect() as connection:
            has_table = await connection.run_sync(
                lambda sync: sync.dialect.has_table(sync, "alembic_version")
            )
            if not has_table:
                return None
            found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            return None if found is None else str(found)
