"""Rows into the history, and what they used into days and the ledger: one transaction for all.

Each function runs inside a transaction. A row whose id is there already is passed over and not
counted: it was counted when it came. Of rows that are only counted the id is kept for some days.
"""

import sqlite3
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from .history_row import HistoryRow
from .ledger import KEY, SUMS, add_entries
from .ledger_entry import LedgerEntry
from .tables import counted, history, usage

__all__ = ["add_to_postgres", "add_to_sqlite"]

_COLUMNS = tuple(column.name for column in history.columns if column.name != "seq")
_SUMS = ("requests", "pages", "seconds", "cost")

ROWS_AT_ONCE = 32
"""In one statement; any SQLite takes 999 values."""

_COUNT = (
    f"INSERT INTO usage (owner, day, {', '.join(_SUMS)}) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (owner, day) DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in _SUMS)
)
_MARK = "INSERT INTO counted (id) VALUES (?) ON CONFLICT (id) DO NOTHING"
_ENTER = (
    f"INSERT INTO ledger ({', '.join(KEY + SUMS)})"
    f" VALUES ({', '.join('?' * len(KEY + SUMS))}) ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
)


def add_to_sqlite(file: sqlite3.Connection, rows: Sequence[HistoryRow]) -> None:
    """Add rows with distinct ids, in as few steps as SQLite allows."""
    new = {row.id: row for row in rows}
    file.execute("SAVEPOINT rows")
    if _insert(file, new.values()) < len(new):
        # Rare: which of them were there is only asked when some were.
        file.execute("ROLLBACK TO rows")
        ids = tuple(new)
        marks = ", ".join("?" * len(ids))
        for table in ("history", "counted"):
            known = file.execute(f"SELECT id FROM {table} WHERE id IN ({marks})", ids)
            for (row_id,) in known.fetchall():
                new.pop(row_id, None)
        _insert(file, new.values())
    used = _used(rows, new)
    file.executemany(_COUNT, [(*key, *used[key]) for key in sorted(used)])
    entered = {
        (day, owner, *entry.key): entry
        for (day, owner), entries in _entries(rows, new).items()
        for entry in entries.values()
    }
    file.executemany(_ENTER, [(*key, *entered[key].sums) for key in sorted(entered)])


def _insert(file: sqlite3.Connection, rows: Collection[HistoryRow]) -> int:
    """How many were not there."""
    kept = [row for row in rows if row.is_kept]
    marks = [(row.id,) for row in rows if not row.is_kept]
    added = file.executemany(_MARK, marks).rowcount if marks else 0
    for at in range(0, len(kept), ROWS_AT_ONCE):
        some = kept[at : at + ROWS_AT_ONCE]
        values = list(chain.from_iterable(map(_values, some)))
        added += file.execute(_adding(len(some)), values).rowcount
    return added


@cache
def _adding(rows: int) -> str:
    """One statement for so many rows.

    With one for each, this thread would stop as often to let others of the interpreter run, and
    wait for its turn again: under load that took ten times as long as the writing.
    """
    marks = ", ".join("?" * len(_COLUMNS))
    values = ", ".join([f"({marks})"] * rows)
    names = ", ".join(_COLUMNS)
    return f"INSERT INTO history ({names}) VALUES {values} ON CONFLICT (id) DO NOTHING"


async def add_to_postgres(connection: AsyncConnection, rows: Sequence[HistoryRow]) -> None:
    """Add rows with distinct ids."""
    values = [{name: getattr(row, name) for name in _COLUMNS} for row in rows if row.is_kept]
    marks = [{"id": row.id} for row in rows if not row.is_kept]
    added: set[str] = set()
    for table, new in ((history, values), (counted, marks)):
        if new:
            adding = insert(table).on_conflict_do_nothing(index_elements=["id"])
            done = await connection.execute(adding.returning(table.c.id), new)
            added |= {str(row[0]) for row in done}
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
    entries = _entries(rows, added).items()
    await add_entries(
        connection,
        {(date.fromisoformat(day), owner): tuple(some.values()) for (day, owner), some in entries},
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
        if row.id not in added:
            continue
        day = _day(row)
        sums = used.setdefault((row.owner, day), [0, 0, 0.0, 0.0])
        for at, value in enumerate((1, row.pages_done, row.seconds, row.cost)):
            sums[at] += value
    return used


def _entries(
    rows: Sequence[HistoryRow], added: Collection[str]
) -> dict[tuple[str, str], dict[tuple[str, str, str], LedgerEntry]]:
    """Entries of the ledger by day in UTC, as text, and owner; those with one key are one."""
    found: dict[tuple[str, str], dict[tuple[str, str, str], LedgerEntry]] = {}
    for row in rows:
        if row.id not in added or not row.entries:
            continue
        known = found.setdefault((_day(row), row.owner), {})
        for entry in row.entries:
            known[entry.key] = known[entry.key] + entry if entry.key in known else entry
    return found


def _day(row: HistoryRow) -> str:
    return row.created_at.astimezone(UTC).date().isoformat()
