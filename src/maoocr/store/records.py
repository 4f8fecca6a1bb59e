"""What rows are outside of this room: frozen values that know no database."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

__all__ = ["ApiKey", "EngineWish", "UsageDay"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret. Moments are in UTC.

    Attributes:
        id: a ULID; it is in the secret too, and owns the rows of whoever uses the key.
        rate_per_minute: most requests in a minute; None for no limit.
        pages_per_month: most pages in a month of the calendar; None for no limit.
        last_used_at: to within some minutes.
    """

    id: str
    name: str
    scopes: frozenset[str]
    rate_per_minute: int | None
    pages_per_month: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        """It is neither revoked nor out of date."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class UsageDay:
    """What one owner used on one day, in UTC.

    Attributes:
        owner: id of a key, or empty for an open service.
        seconds: of the lanes.
        cost: in the unit of the engines' prices.
    """

    owner: str
    day: date
    requests: int
    pages: int
    seconds: float
    cost: float


@dataclass(frozen=True, slots=True)
class EngineWish:
    """What was asked of all gateways.

    Attributes:
        since: in UTC; of two wishes for one engine the later one counts.
    """

    engine: str
    wanted: Literal["loaded", "unloaded"]
    since: datetime
