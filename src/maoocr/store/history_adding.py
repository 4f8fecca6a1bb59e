"""Rows into the history, and what they used into their owners' days: one transaction for both.

Each function runs inside a transaction. A row whose id is there already is passed over and not
counted: it was counted when it came.
"""

import sqlite3
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from .history_row import HistoryRow
from .tables import history, usage

__all__ = ["add_to_postgres", "add_to_sqlite"]

_COLUMNS = tuple(column.name for column in history.columns if column.name != "seq")
_SUMS = ("requests", "pages", "seconds", "cost")

_ADD = (
    f"INSERT INTO history ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    " ON CONFLICT (id) DO NOTHING"
)
_COUNT = (
    f"INSERT INTO usage (owner, day, {', '.join(_SUMS)}) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (owner, day) DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in _SUMS)
)


def add_to_sqlite(file: sqlite3.Connection, rows: Sequence[HistoryRow]) -> None:
    """Add rows with distinct ids, in as few steps as SQLite allows."""
    kept = {row.id: row for row in rows if row.is_kept}
    file.execute("SAVEPOINT rows")
    if file.executemany(_ADD, map(_values, kept.values())).rowcount < len(kept):
        # Rare: which of them were there is only asked when some were.
        file.execute("ROLLBACK TO rows")
        marks = ", ".join("?" * len(kept))
        known = file.execute(f"SELECT id FROM history WHERE id IN ({marks})", tuple(kept))
        for (row_id,) in known.fetchall():
            del kept[row_id]
        file.executemany(_ADD, map(_values, kept.values()))
    used = _used(rows, kept)
    file.executemany(_COUNT, [(*key, *used[key]) for key in sorted(used)])


async def add_to_postgres(connection: AsyncConnection, rows: Sequence[HistoryRow]) -> None:
    """Add rows with distinct ids."""
    values = [{name: getattr(row, name) for name in _COLUMNS} for row in rows if row.is_kept]
    added: set[str] = set()
    if values:
        adding = insert(history).on_conflict_do_nothing(index_elements=["id"])
        done = await connection.execute(adding.returning(history.c.id), values)
        added = {str(row[0]) for row in done}
    used = _used(rows, added)
    # In one order everywhere, or two replicas may wait for each other for ever.
    for owner, day in sorted(used):
        sums = dict(zip(_SUMS, used[owner, day], strict=True))
        counting = insert(usage).values(owner=owner, day=date.fromisoformat(day), **sums)
        await connection.execute(
            counting.on_conflict_do_update(
                index_elements=["owner", "day"],
                set_={name: usage.c[name] + counting.excluded[name] for name in _SUMS},
            )
        )


def _values(row: HistoryRow) -> tuple[Any, ...]:
    """As SQLAlchemy would write them."""
    values = [getattr(row, name) for name in _COLUMNS]
    values[_CREATED_AT] = _moment(row.created_at)
    return tuple(values)


_CREATED_AT = _COLUMNS.index("created_at")


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _used(rows: Sequence[HistoryRow], added: Collection[str]) -> dict[tuple[str, str], list[float]]:
    """Requests, pages, seconds and cost by owner and day in UTC, as text."""
    used: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row.is_kept and row.id not in added:
            continue
        day = row.created_at.astimezone(UTC).date().isoformat()
        sums = used.setdefault((row.owner, day), [0, 0, 0.0, 0.0])
        for at, value in enumerate((1, row.pages_done, row.seconds, row.cost)):
            sums[at] += value
    return used
