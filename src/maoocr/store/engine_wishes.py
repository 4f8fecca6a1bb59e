"""What was asked of the engines of all gateways: one row for each engine, the last wish."""

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from .database import Database
from .records import EngineWish
from .tables import engine_wishes

__all__ = ["EngineWishRows"]


class EngineWishRows:
    """The table. Every call raises `StoreUnavailable` when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[EngineWish]:
        """The last wish for each engine."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(engine_wishes))
            return [EngineWish(row.engine, row.wanted, row.since) for row in rows]

    async def keep(self, wish: EngineWish) -> None:
        """Put a wish in the place of an earlier one; a later one stays."""
        values = {"engine": wish.engine, "wanted": wish.wanted, "since": wish.since}
        async with self._database.write() as connection:
            is_postgres = connection.dialect.name == "postgresql"
            adding = (postgresql.insert if is_postgres else sqlite.insert)(engine_wishes)
            changed = {name: adding.excluded[name] for name in ("wanted", "since")}
            is_later = adding.excluded.since > engine_wishes.c.since
            await connection.execute(
                adding.on_conflict_do_update(
                    index_elements=["engine"], set_=changed, where=is_later
                ),
                values,
            )
