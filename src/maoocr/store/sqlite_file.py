"""Whole transactions on a SQLite file, each in one step in a thread."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .connecting import SQLITE_BUSY_S, prepare_sqlite

__all__ = ["SqliteFile"]


class SqliteFile:
    """One connection, opened at first use; transactions run one after the other."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Run a function in a transaction, which is undone when it raises.

        Raises:
            sqlite3.Error: whatever the file does not allow.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        await asyncio.to_thread(self._thread.shutdown)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, work: Callable[[sqlite3.Connection], None]) -> None:
        connection = self._connection or self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _open(self) -> sqlite3.Connection:
        # Used by one thread at a time; the last one closes it.
        connection = sqlite3.connect(self._path, timeout=SQLITE_BUSY_S, check_same_thread=False)
        prepare_sqlite(connection)
        self._connection = connection
        return connection
