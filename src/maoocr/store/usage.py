"""What was used, by key and day: written with the answers and the pages of jobs that used it."""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .records import UsageDay
from .tables import usage

__all__ = ["UsageRows", "count_pages"]


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


async def count_pages(
    connection: AsyncConnection, day: date, used: Mapping[str, tuple[int, float]]
) -> None:
    """Add pages that were read to the day, in the transaction that keeps them.

    Args:
        connection: in a transaction.
        day: in UTC.
        used: pages and the seconds that they took, by owner.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    # In one order everywhere, or two replicas may wait for each other for ever.
    for owner, (pages, seconds) in sorted(used.items()):
        row = {"owner": owner, "day": day, "requests": 0, "cost": 0.0}
        counting = dialect.insert(usage).values(row | {"pages": pages, "seconds": seconds})
        added = counting.excluded
        sums = {"pages": usage.c.pages + added.pages, "seconds": usage.c.seconds + added.seconds}
        await connection.execute(
            counting.on_conflict_do_update(index_elements=["owner", "day"], set_=sums)
        )
