"""What was used, by key and day. Only history writes it, with the row of each answer."""

from datetime import date

from sqlalchemy import func, select

from .database import Database
from .records import UsageDay
from .tables import usage

__all__ = ["UsageRows"]


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
