"""Addresses, drivers, and what their errors mean."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ..errors import MaoOCRError, StorageFull, StoreUnavailable

__all__ = ["SQLITE_BUSY_S", "database_url", "make_engine", "prepare_sqlite", "told"]

CONNECT_S = 3.0
STATEMENT_S = 30.0
POOL_SIZE, POOL_WAIT_S = 10, 5.0
SQLITE_BUSY_S = 10.0

_DISK_FULL = "53100"
_AWAY = {"08", "53", "57", "28", "3D"}
"""Classes of SQLSTATE: connection, resources, shutdown, authorization, no such database."""


def database_url(given: str, state_dir: Path) -> URL:
    """The address with its driver: what an operator wrote, or a file in the state folder.

    Raises:
        ValueError: it is neither Postgres nor SQLite.
    """
    if not given:
        return URL.create("sqlite+aiosqlite", database=str((state_dir / "maoocr.db").absolute()))
    try:
        url = make_url(given)
    except ArgumentError:
        raise ValueError("DATABASE_URL: this is no address of a database.") from None
    backend = url.drivername.partition("+")[0]
    if backend in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+asyncpg")
    if backend == "sqlite" and url.database:
        return url.set(drivername="sqlite+aiosqlite")
    raise ValueError(
        f"DATABASE_URL: {backend} is not known. Known are postgresql://… and sqlite:///file."
    )


def make_engine(url: URL) -> AsyncEngine:
    """An engine with a pool; it connects when it is used."""
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(
            url, connect_args={"timeout": SQLITE_BUSY_S}, pool_timeout=POOL_WAIT_S
        )
        event.listen(engine.sync_engine, "connect", prepare_sqlite)
        return engine
    return create_async_engine(
        url,
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_timeout=POOL_WAIT_S,
        connect_args={"timeout": CONNECT_S, "command_timeout": STATEMENT_S},
    )


def prepare_sqlite(connection: Any, _: Any = None) -> None:
    """Make a new connection safe to write with."""
    # The driver's own idea of transactions gets in the way of `BEGIN IMMEDIATE`.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def told(error: BaseException) -> MaoOCRError | None:
    """What a driver's error means; None when it is not the surroundings' fault."""
    if isinstance(error, MaoOCRError):
        return None
    origin = getattr(error, "orig", None) or error
    if isinstance(origin, sqlite3.OperationalError):
        return _told_by_sqlite(str(origin))
    state = str(getattr(origin, "sqlstate", None) or "")
    if state == _DISK_FULL:
        return StorageFull("There is no room left for the database.")
    is_away = (
        isinstance(error, (OSError, PoolTimeout, InterfaceError))
        or isinstance(origin, OSError)
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
        or state[:2] in _AWAY
    )
    return StoreUnavailable("The database cannot be reached.") if is_away else None


def _told_by_sqlite(words: str) -> MaoOCRError | None:
    if "full" in words:
        return StorageFull("There is no room left for the database.")
    if any(word in words for word in ("locked", "unable to open", "disk I/O", "readonly")):
        return StoreUnavailable(f"The database file cannot be used: {words}.")
    return None
