"""Answers that were given, as rows of their owners."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, text

from .database import Database
from .history_adding import add_to_postgres, add_to_sqlite
from .history_query import Filters, rows_found
from .history_row import HistoryItem, HistoryRow
from .ids import new_id
from .tables import counted, history

__all__ = ["HistoryPage", "HistoryTable"]

PAGE_BYTES = 2 * 1024 * 1024
"""Compressed answers that one page of the list holds; the rest comes with the next."""

DELETE_ROWS = 500
"""Rows that one transaction deletes, so that nobody waits long for it."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Rows, the newest first.

    Attributes:
        next_before: where the next page begins; None after the last.
    """

    items: tuple[HistoryItem, ...]
    next_before: int | None


class HistoryTable:
    """The rows of all owners, each of which sees his own only.

    Every method raises `StoreUnavailable` when the database is away.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, rows: Sequence[HistoryRow]) -> None:
        """Add rows in one transaction; one whose id is there already is passed over.

        Raises:
            StoreUnavailable: the database is away, or went away: nobody knows then whether the
                rows are in it, and they may be added again.
            StorageFull: there is no room.
        """
        # Twice in one journal is the same as once.
        rows = list({row.id: row for row in rows}.values())
        if self._database.kind == "sqlite":
            await self._database.write_at_once(lambda file: add_to_sqlite(file, rows))
        else:
            async with self._database.write() as connection:
                await add_to_postgres(connection, rows)

    async def page(
        self, owner: str, filters: Filters, *, before: int | None, limit: int
    ) -> HistoryPage:
        """Rows of an owner, the newest first.

        Args:
            owner: whose.
            filters: which of them.
            before: `next_before` of the page before; None begins.
            limit: most rows; there are fewer where answers are long.
        """
        found = rows_found(self._database.kind, owner, filters)
        seq = found.selected_columns[0]
        if before is not None:
            found = found.where(seq < before)
        found = found.order_by(seq.desc()).limit(limit + 1)
        async with self._database.read() as connection:
            if filters.wanted is not None and self._database.kind == "postgresql":
                # A plan made without knowing the words takes a rare one for a frequent one.
                await connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
            sizes = [(int(row[0]), int(row[1])) for row in await connection.execute(found)]
            taken = _within(sizes[:limit])
            rows = await connection.execute(
                select(history.c.id, history.c.created_at, history.c.answer)
                .where(history.c.seq.in_(taken))
                .order_by(history.c.seq.desc())
            )
            items = tuple(_item(row) for row in rows)
        is_last = len(taken) == len(sizes)
        return HistoryPage(items, None if is_last else taken[-1])

    async def get(self, owner: str, row_id: str) -> HistoryItem | None:
        """One row; None when there is none of that owner."""
        wanted = select(history.c.id, history.c.created_at, history.c.answer)
        async with self._database.read() as connection:
            row = (await connection.execute(wanted.where(*_own(owner, row_id)))).first()
        return None if row is None else _item(row)

    async def thumbnail(self, owner: str, row_id: str) -> bytes | None:
        """The small picture of a row, a WebP; None when there is no row or no picture."""
        async with self._database.read() as connection:
            found: bytes | None = await connection.scalar(
                select(history.c.thumbnail).where(*_own(owner, row_id))
            )
        return found

    async def original(self, owner: str, row_id: str) -> tuple[str, str] | None:
        """The upload of a row, as its name among the originals and the caller's name for it."""
        wanted = select(history.c.original, history.c.name).where(*_own(owner, row_id))
        async with self._database.read() as connection:
            row = (await connection.execute(wanted)).first()
        return None if row is None or row.original is None else (row.original, row.name)

    async def delete(self, owner: str, row_id: str) -> bool:
        """Delete one row; whether it was there."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(history).where(*_own(owner, row_id)))
        return done.rowcount > 0

    async def delete_all(self, owner: str) -> int:
        """Delete every row of an owner that was there at the call; how many."""
        async with self._database.read() as connection:
            newest = await connection.scalar(
                select(func.max(history.c.seq)).where(history.c.owner == owner)
            )
        if newest is None:
            return 0
        return await self._delete_where(history.c.owner == owner, history.c.seq <= newest)

    async def prune(self, *, before: datetime | None, max_rows: int) -> int:
        """Delete what is older than a moment or more than so many rows; how many.

        Args:
            before: None keeps all, whatever their age.
            max_rows: 0 is no limit.
        """
        deleted = 0
        if before is not None:
            deleted += await self._delete_where(history.c.created_at < before)
        if max_rows:
            async with self._database.read() as connection:
                last = await connection.scalar(
                    select(history.c.seq).order_by(history.c.seq.desc()).offset(max_rows).limit(1)
                )
            if last is not None:
                deleted += await self._delete_where(history.c.seq <= last)
        return deleted

    async def forget_counted(self, before: datetime) -> None:
        """Let go of the ids of rows that were counted but not kept, and are older."""
        # Ids begin with their moment.
        oldest = new_id(before)[:10]
        async with self._database.write() as connection:
            await connection.execute(delete(counted).where(counted.c.id < oldest))

    async def originals_of(self, names: Iterable[str]) -> set[str]:
        """Those of the names that a row still refers to."""
        async with self._database.read() as connection:
            found = await connection.scalars(
                select(history.c.original).where(history.c.original.in_(list(names))).distinct()
            )
            return set(found)

    async def _delete_where(self, *conditions: ColumnElement[bool]) -> int:
        deleted = 0
        while True:
            some = select(history.c.seq).where(*conditions).limit(DELETE_ROWS)
            async with self._database.write() as connection:
                done = await connection.execute(delete(history).where(history.c.seq.in_(some)))
            deleted += done.rowcount
            if done.rowcount < DELETE_ROWS:
                return deleted


def _own(owner: str, row_id: str) -> tuple[ColumnElement[bool], ...]:
    return history.c.id == row_id, history.c.owner == owner


def _within(sizes: Sequence[tuple[int, int]]) -> list[int]:
    """The first rows whose answers fit into one page, at least one."""
    taken: list[int] = []
    total = 0
    for seq, size in sizes:
        total += size
        if taken and total > PAGE_BYTES:
            break
        taken.append(seq)
    return taken


def _item(row: Any) -> HistoryItem:
    return HistoryItem.unpacked(row.id, row.created_at, row.answer)
