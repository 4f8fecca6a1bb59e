"""What was used, by key and day: written with the answers, jobs and pages that used it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain import PageResult
from .database import Database
from .ledger import add_entries
from .ledger_entry import LedgerEntry, entry_of
from .records import UsageDay
from .tables import usage

__all__ = ["PagesUsed", "UsageRows", "Use", "count"]


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """What was used; sums add up."""

    requests: int = 0
    pages: int = 0
    seconds: float = 0.0
    cost: float = 0.0

    def __add__(self, other: "Use") -> "Use":
        return Use(
            self.requests + other.requests,
            self.pages + other.pages,
            self.seconds + other.seconds,
            self.cost + other.cost,
        )


class PagesUsed:
    """Pages that were read, until they are counted for their owners and in the ledger."""

    def __init__(self) -> None:
        self._uses: dict[str, Use] = {}
        self._entries: dict[str, list[LedgerEntry]] = {}

    def add(self, owner: str, page: PageResult) -> None:
        """Take note of a page."""
        cost = page.spent.cost if page.spent is not None else 0.0
        use = Use(pages=1, seconds=page.decode_s + page.recognize_s, cost=cost)
        self._uses[owner] = self._uses.get(owner, Use()) + use
        if (entry := entry_of(page)) is not None:
            self._entries.setdefault(owner, []).append(entry)

    async def count(self, connection: AsyncConnection, day: date) -> None:
        """Add all of it to a day in UTC, in the transaction that writes the pages."""
        await count(connection, day, self._uses)
        await add_entries(connection, {(day, owner): some for owner, some in self._entries.items()})


class UsageRows:
    """The table `usage`. Every call raises `StoreUnavailable` when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def days(self, owner: str | None, first: date, last: date) -> list[UsageDay]:
        """The days from first to last, in order; of every owner when none is named."""
        wanted = select(usage).where(usage.c.day.between(first, last))
        if owner is not None:
            wanted = wanted.where(usage.c.owner == owner)
        async with self._database.read() as connection:
            rows = await connection.execute(wanted.order_by(usage.c.day, usage.c.owner))
            return [UsageDay(**row._mapping) for row in rows]

    async def pages(self, owner: str, first: date, last: date) -> int:
        """Pages that an owner had read from the first day to the last."""
        counted = select(func.coalesce(func.sum(usage.c.pages), 0)).where(
            usage.c.owner == owner, usage.c.day.between(first, last)
        )
        async with self._database.read() as connection:
            return int(await connection.scalar(counted) or 0)


async def count(connection: AsyncConnection, day: date, used: Mapping[str, Use]) -> None:
    """Add what was used to the day, in the transaction that keeps what it was used for.

    Args:
        connection: in a transaction.
        day: in UTC.
        used: by owner.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    # In one order everywhere, or two replicas may wait for each other for ever.
    for owner, use in sorted(used.items()):
        sums = asdict(use)
        counting = dialect.insert(usage).values({"owner": owner, "day": day} | sums)
        added = {name: usage.c[name] + counting.excluded[name] for name in sums}
        await connection.execute(
            counting.on_conflict_do_update(index_elements=["owner", "day"], set_=added)
        )
