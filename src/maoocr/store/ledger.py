"""The ledger: what answers took and cost by day, and what each endpoint was paid.

Two tables, because they answer two questions. `ledger` says whose money it was: it is written in
the transaction of the answer or the page, so that it is there once or not at all. `spending` says
what an endpoint costs today, which a budget has to know: calls that were broken off cost money too,
and of them there is no answer. Days keep both small: their rows do not grow with the requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .ledger_entry import LedgerEntry
from .tables import ledger, spending

__all__ = ["KEY", "SUMS", "LedgerRows", "LedgerSum", "Paid", "SpendingRow", "add_entries"]

KEY = ("day", "owner", "kind", "engine", "endpoint")
SUMS = ("pages", "calls", "input_tokens", "output_tokens", "busy_us", "cost_nano")
_PAID = ("calls", "input_tokens", "output_tokens", "cost_nano")


@dataclass(frozen=True, slots=True)
class LedgerSum:
    """What some days add up to, of one owner."""

    owner: str
    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class Paid:
    """Calls of one endpoint, and what they cost in billionths of the currency."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0

    def __add__(self, other: "Paid") -> "Paid":
        return Paid(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_nano + other.cost_nano,
        )


@dataclass(frozen=True, slots=True)
class SpendingRow:
    """What one process paid one endpoint on one day, in all."""

    day: date
    endpoint: str
    writer: str
    paid: Paid


class LedgerRows:
    """Both tables. Every call raises `StoreUnavailable` when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wait_ready(self) -> None:
        """Return when the database can be used."""
        await self._database.wait_ready()

    async def sums(self, owner: str | None, first: date, last: date) -> list[LedgerSum]:
        """Sums of the days from first to last; of every owner when none is named."""
        keys = [ledger.c[name] for name in KEY[1:]]
        wanted = select(*keys, *(func.sum(ledger.c[name]) for name in SUMS)).where(
            ledger.c.day.between(first, last)
        )
        if owner is not None:
            wanted = wanted.where(ledger.c.owner == owner)
        async with self._database.read() as connection:
            rows = await connection.execute(wanted.group_by(*keys).order_by(*keys))
            return [
                LedgerSum(row[0], LedgerEntry(row[1], row[2], row[3], *map(int, row[4:])))
                for row in rows
            ]

    async def paid(self, first: date, last: date) -> dict[str, Paid]:
        """What each endpoint was paid from the first day to the last."""
        sums = (func.sum(spending.c[name]) for name in _PAID)
        wanted = select(spending.c.endpoint, *sums).where(spending.c.day.between(first, last))
        async with self._database.read() as connection:
            rows = await connection.execute(wanted.group_by(spending.c.endpoint))
            return {row[0]: Paid(*map(int, row[1:])) for row in rows}

    async def spending_of(self, day: date, endpoints: Sequence[str]) -> list[SpendingRow]:
        """What every process paid these endpoints on a day."""
        wanted = select(spending).where(
            spending.c.day == day, spending.c.endpoint.in_(list(endpoints))
        )
        async with self._database.read() as connection:
            rows = await connection.execute(wanted)
            return [
                SpendingRow(
                    row.day,
                    row.endpoint,
                    row.writer,
                    Paid(*(getattr(row, name) for name in _PAID)),
                )
                for row in rows
            ]

    async def write_spending(self, rows: Sequence[SpendingRow]) -> None:
        """Put the totals of a process in the place of what it wrote before."""
        values = [
            {"day": row.day, "endpoint": row.endpoint, "writer": row.writer}
            | {name: getattr(row.paid, name) for name in _PAID}
            for row in rows
        ]
        async with self._database.write() as connection:
            adding = _insert(connection, spending)
            await connection.execute(
                adding.on_conflict_do_update(
                    index_elements=["day", "endpoint", "writer"],
                    set_={name: adding.excluded[name] for name in _PAID},
                ),
                values,
            )


async def add_entries(
    connection: AsyncConnection, entries: Mapping[tuple[date, str], Sequence[LedgerEntry]]
) -> None:
    """Add entries to their days, in the transaction that keeps what they are of.

    Args:
        connection: in a transaction.
        entries: by day, in UTC, and owner.
    """
    values: dict[tuple[date, str, str, str, str], LedgerEntry] = {}
    for (day, owner), some in entries.items():
        for entry in some:
            at = (day, owner, *entry.key)
            values[at] = values[at] + entry if at in values else entry
    # In one order everywhere, or two replicas may wait for each other for ever.
    for key in sorted(values):
        sums = dict(zip(SUMS, values[key].sums, strict=True))
        adding = _insert(connection, ledger).values(dict(zip(KEY, key, strict=True)) | sums)
        added = {name: ledger.c[name] + adding.excluded[name] for name in SUMS}
        await connection.execute(adding.on_conflict_do_update(index_elements=list(KEY), set_=added))


def _insert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
