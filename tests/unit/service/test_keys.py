"""Keys that are made within bounds, and pages of a month."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from maoocr.errors import InvalidRequest, NotFound, QuotaExceeded, StoreUnavailable
from maoocr.service.callers import ORDINARY, SCOPES, Caller
from maoocr.service.keyring import secret_hash
from maoocr.service.keys import Keys
from maoocr.service.quota import FRESH_S, Quota
from maoocr.store.records import UsageDay
from tests.unit.service.test_keyring import Clock, Rows

NOW = datetime(2026, 12, 31, 12, tzinfo=UTC)


async def test_only_the_hash_of_a_secret_is_kept() -> None:
    rows = Rows()
    key, secret = await Keys(rows).create("mine", [])
    assert list(rows.keys) == [secret_hash(secret)]
    assert secret not in repr(rows.keys)
    assert secret.startswith(f"mao_{key.id}_")
    assert len(secret.split("_")[2]) == 43
    assert key.scopes == ORDINARY


async def test_two_secrets_differ_in_all_but_their_form() -> None:
    keys = Keys(Rows())
    secrets = {(await keys.create("mine", []))[1] for _ in range(20)}
    assert len(secrets) == 20


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"name": "a\x00"},
        {"scopes": ["recognise"]},
        {"scopes": [*SCOPES, ""]},
        {"rate_per_minute": 0},
        {"pages_per_month": 2**31},
        {"expires_at": NOW},
        {"expires_at": NOW.replace(tzinfo=None) - timedelta(days=1)},
    ],
)
async def test_what_is_out_of_bounds_makes_no_key(wanted: dict[str, Any]) -> None:
    rows = Rows()
    given: dict[str, Any] = {"name": "mine", "scopes": [], **wanted}
    with pytest.raises(InvalidRequest):
        await Keys(rows, now=lambda: NOW).create(given.pop("name"), given.pop("scopes"), **given)
    assert rows.keys == {}


@pytest.mark.parametrize("key_id", ["", "x", "../" * 9, "0" * 26, "ä" * 26, "\x00" * 26])
async def test_a_key_that_is_not_there_cannot_be_revoked(key_id: str) -> None:
    with pytest.raises(NotFound):
        await Keys(Rows()).revoke(key_id)


class Usage:
    """So many pages, in whatever days."""

    def __init__(self, pages: int) -> None:
        self.used = pages
        self.is_away = False
        self.asked: list[tuple[date, date]] = []

    async def days(self, owner: str | None, first: date, last: date) -> list[UsageDay]:
        return []

    async def pages(self, owner: str, first: date, last: date) -> int:
        self.asked.append((first, last))
        if self.is_away:
            raise StoreUnavailable("Away.")
        return self.used


def caller(limit: int | None) -> Caller:
    return Caller("o", "n", ORDINARY, False, None, limit)


async def test_the_last_page_of_the_month_closes_it_until_the_next() -> None:
    usage, clock = Usage(9), Clock()
    quota = Quota(usage, clock, lambda: NOW)
    await quota.require_pages(caller(10))
    usage.used = 10
    clock.seconds += FRESH_S
    with pytest.raises(QuotaExceeded, match="10 pages") as refusal:
        await quota.require_pages(caller(10))
    assert refusal.value.retry_after_s == 12 * 3600
    assert set(usage.asked) == {(date(2026, 12, 1), date(2026, 12, 31))}


async def test_without_a_limit_nobody_counts() -> None:
    usage = Usage(10**9)
    await Quota(usage).require_pages(caller(None))
    assert usage.asked == []


async def test_nobody_is_refused_because_the_database_is_away() -> None:
    usage, clock = Usage(0), Clock()
    usage.is_away = True
    quota = Quota(usage, clock, lambda: NOW)
    await quota.require_pages(caller(1))
    usage.is_away, usage.used = False, 5
    clock.seconds += FRESH_S
    with pytest.raises(QuotaExceeded):
        await quota.require_pages(caller(1))
    usage.is_away = True
    clock.seconds += FRESH_S
    with pytest.raises(QuotaExceeded):
        await quota.require_pages(caller(1))
