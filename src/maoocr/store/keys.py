"""API keys as rows; of a secret only the SHA-256."""

import hmac
from datetime import datetime, timedelta

from sqlalchemy import Row, insert, or_, select, update

from .database import Database
from .records import ApiKey
from .tables import api_keys

__all__ = ["KeyRows"]

TOUCH_EVERY = timedelta(minutes=1)
"""Replicas that use one key at the same time write its last use no more often than this."""


class KeyRows:
    """The table `api_keys`. Every call raises `StoreUnavailable` when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey, secret_hash: str) -> None:
        """Keep a new key."""
        values = {
            "id": key.id,
            "name": key.name,
            "hash": secret_hash,
            "scopes": " ".join(sorted(key.scopes)),
            "rate_per_minute": key.rate_per_minute,
            "pages_per_month": key.pages_per_month,
            "created_at": key.created_at,
            "expires_at": key.expires_at,
        }
        async with self._database.write() as connection:
            await connection.execute(insert(api_keys).values(values))

    async def all(self) -> list[ApiKey]:
        """Every key that was ever made, the newest first."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(api_keys).order_by(api_keys.c.id.desc()))
            return [_key(row) for row in rows]

    async def by_hash(self) -> dict[str, ApiKey]:
        """Every key that was ever made, by the hash of its secret."""
        async with self._database.read() as connection:
            return {row.hash: _key(row) for row in await connection.execute(select(api_keys))}

    async def were_made(self) -> bool:
        """Some key was made, if only one that is revoked by now."""
        async with self._database.read() as connection:
            return await connection.scalar(select(api_keys.c.id).limit(1)) is not None

    async def find(self, secret_hash: str) -> ApiKey | None:
        """The key with that secret, good or not."""
        async with self._database.read() as connection:
            found = await connection.execute(select(api_keys).where(api_keys.c.hash == secret_hash))
            row = found.first()
        if row is None or not hmac.compare_digest(row.hash, secret_hash):
            return None
        return _key(row)

    async def revoke(self, key_id: str, moment: datetime) -> ApiKey | None:
        """End a key; the first moment stays. None when there is no such key."""
        here = api_keys.c.id == key_id
        async with self._database.write() as connection:
            ending = update(api_keys).where(here, api_keys.c.revoked_at.is_(None))
            await connection.execute(ending.values(revoked_at=moment))
            row = (await connection.execute(select(api_keys).where(here))).first()
        return None if row is None else _key(row)

    async def touch(self, key_id: str, moment: datetime) -> None:
        """Write down that a key was used."""
        last = api_keys.c.last_used_at
        is_old = or_(last.is_(None), last < moment - TOUCH_EVERY)
        async with self._database.write() as connection:
            await connection.execute(
                update(api_keys).where(api_keys.c.id == key_id, is_old).values(last_used_at=moment)
            )


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=frozenset(row.scopes.split()),
        rate_per_minute=row.rate_per_minute,
        pages_per_month=row.pages_per_month,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
