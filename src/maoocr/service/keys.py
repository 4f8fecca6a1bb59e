"""Making, listing and revoking API keys."""

import secrets
import string
from collections.abc import Callable
from datetime import UTC, datetime

from ..errors import InvalidRequest, NotFound
from ..store.ids import new_id
from ..store.records import ApiKey
from .callers import parse_scopes
from .keyring import secret_hash
from .ports import ApiKeyRows

__all__ = ["MOST_NAME_CHARACTERS", "MOST_NUMBER", "Keys"]

MOST_NAME_CHARACTERS = 100
MOST_NUMBER = 2**31 - 1
"""What the column holds."""

_ALPHABET = string.digits + string.ascii_letters
_SECRET_CHARACTERS = 43
"""62^43 is more than 256 bits."""


class Keys:
    """The API keys of this installation."""

    def __init__(
        self,
        rows: ApiKeyRows,
        changed: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the rows.

        Args:
            rows: the keys in the database.
            changed: called after each change.
            now: the moment, in UTC.
        """
        self._rows = rows
        self._changed = changed
        self._now = now

    async def create(
        self,
        name: str,
        scopes: list[str],
        *,
        rate_per_minute: int | None = None,
        pages_per_month: int | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key.

        Args:
            name: for people, not unique.
            scopes: some of `callers.SCOPES`; the ordinary ones when there are none.
            rate_per_minute: most requests in a minute; None for no limit.
            pages_per_month: most pages in a month; None for no limit.
            expires_at: when it ends by itself.

        Returns:
            The key, and its secret, which nobody can tell again.

        Raises:
            InvalidRequest: a value is out of bounds.
            StoreUnavailable: the database is away.
        """
        now = self._now()
        key = ApiKey(
            id=new_id(now),
            name=_checked_name(name),
            scopes=parse_scopes(scopes),
            rate_per_minute=_checked_number("rate_per_minute", rate_per_minute),
            pages_per_month=_checked_number("pages_per_month", pages_per_month),
            created_at=now,
            expires_at=_checked_end(expires_at, now),
        )
        random = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_CHARACTERS))
        secret = f"mao_{key.id}_{random}"
        await self._rows.add(key, secret_hash(secret))
        self._changed()
        return key, secret

    async def all(self) -> list[ApiKey]:
        """Every key that was ever made, the newest first."""
        return await self._rows.all()

    async def revoke(self, key_id: str) -> ApiKey:
        """End a key at once and for good; this may be done again.

        Raises:
            NotFound: there is no such key.
            StoreUnavailable: the database is away.
        """
        key = await self._rows.revoke(key_id, self._now()) if _is_key_id(key_id) else None
        if key is None:
            raise NotFound("There is no API key with this id.")
        self._changed()
        return key


def _is_key_id(text: str) -> bool:
    """It looks like the id of a key."""
    return len(text) == 26 and text.isascii() and text.isalnum()


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= MOST_NAME_CHARACTERS or not name.isprintable():
        raise InvalidRequest(
            f"name: 1 to {MOST_NAME_CHARACTERS} printable characters are expected."
        )
    return name


def _checked_number(field: str, number: int | None) -> int | None:
    if number is not None and not 1 <= number <= MOST_NUMBER:
        raise InvalidRequest(f"{field}: a number from 1 to {MOST_NUMBER} is expected.")
    return number


def _checked_end(moment: datetime | None, now: datetime) -> datetime | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment <= now:
        raise InvalidRequest("expires_at: this moment has passed.")
    return moment.astimezone(UTC)
