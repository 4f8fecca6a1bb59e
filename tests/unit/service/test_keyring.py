"""Keys that are believed for a while, and a database that comes and goes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from maoocr.errors import StoreUnavailable, Unauthorized
from maoocr.service.callers import ANYBODY
from maoocr.service.keyring import FRESH_S, Keyring
from maoocr.service.keys import Keys
from maoocr.store.records import ApiKey

NOW = datetime(2026, 5, 1, tzinfo=UTC)
GRACE_S = 600.0
STRANGER = "mao_01HZZZZZZZZZZZZZZZZZZZZZZZ_" + "x" * 43


class Rows:
    """The table in memory; it can be away, or silent."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.is_away = False
        self.silence: asyncio.Event | None = None
        self.finds = 0
        self.asked = asyncio.Event()
        self.touched = asyncio.Event()
        self.touches = 0

    async def _answer(self) -> None:
        if self.silence is not None:
            await self.silence.wait()
        if self.is_away:
            raise StoreUnavailable("Away.")

    async def add(self, key: ApiKey, secret_hash: str) -> None:
        await self._answer()
        self.keys[secret_hash] = key

    async def all(self) -> list[ApiKey]:
        return list(self.keys.values())

    async def were_made(self) -> bool:
        await self._answer()
        return bool(self.keys)

    async def find(self, secret_hash: str) -> ApiKey | None:
        self.finds += 1
        self.asked.set()
        await self._answer()
        return self.keys.get(secret_hash)

    async def revoke(self, key_id: str, moment: datetime) -> ApiKey | None:
        for digest, key in self.keys.items():
            if key.id == key_id:
                self.keys[digest] = replace(key, revoked_at=moment)
                return self.keys[digest]
        return None

    async def touch(self, key_id: str, moment: datetime) -> None:
        await self._answer()
        self.touches += 1
        self.touched.set()


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000.0)

    def later(self) -> None:
        self.seconds += FRESH_S


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def keyring(rows: Rows, clock: Clock) -> AsyncIterator[Keyring]:
    keyring = Keyring(rows, GRACE_S, clock, clock.now)
    yield keyring
    await keyring.close()


async def make(rows: Rows, clock: Clock, *scopes: str, days: float | None = None) -> str:
    end = None if days is None else clock.now() + timedelta(days=days)
    _, secret = await Keys(rows, now=clock.now).create("a key", list(scopes), expires_at=end)
    return secret


async def test_everybody_is_let_in_while_no_key_was_made(keyring: Keyring) -> None:
    assert await keyring.caller(None) is ANYBODY
    assert await keyring.caller("anything") is ANYBODY
    assert await keyring.caller(STRANGER) is ANYBODY


async def test_a_key_names_its_caller(keyring: Keyring, rows: Rows, clock: Clock) -> None:
    secret = await make(rows, clock, "jobs", "v1")
    caller = await keyring.caller(secret)
    assert caller.owner == secret.split("_")[1]
    assert caller.scopes == {"jobs", "v1"}
    assert not caller.is_open


async def test_the_first_key_closes_the_door_within_moments(
    keyring: Keyring, rows: Rows, clock: Clock
) -> None:
    assert await keyring.is_open()
    await make(rows, clock)
    clock.later()
    with pytest.raises(Unauthorized, match="needs an API key"):
        await keyring.caller(None)


async def test_the_last_revoked_key_does_not_open_the_door(
    keyring: Keyring, rows: Rows, clock: Clock
) -> None:
    secret = await make(rows, clock)
    await Keys(rows, now=clock.now).revoke(secret.split("_")[1])
    with pytest.raises(Unauthorized):
        await keyring.caller(None)


async def test_unknown_revoked_and_expired_are_told_alike(
    keyring: Keyring, rows: Rows, clock: Clock
) -> None:
    revoked, expired = await make(rows, clock), await make(rows, clock, days=1)
    await Keys(rows, now=clock.now).revoke(revoked.split("_")[1])
    clock.seconds += 86_400
    said = set()
    for secret in (revoked, expired, STRANGER, "nonsense", "", expired[:-1] + "!"):
        with pytest.raises(Unauthorized) as refusal:
            await keyring.caller(secret)
        said.add(refusal.value.message)
    assert said == {"The API key is unknown, revoked or expired."}


async def test_a_key_expires_although_it_is_remembered(
    keyring: Keyring, rows: Rows, clock: Clock
) -> None:
    secret = await make(rows, clock, days=1 / 86_400)
    await keyring.caller(secret)
    clock.seconds += 1
    with pytest.raises(Unauthorized):
        await keyring.caller(secret)


async def test_the_database_is_asked_once_in_a_while(
    keyring: Keyring, rows: Rows, clock: Clock
) -> None:
    secret = await make(rows, clock)
    await asyncio.gather(*(keyring.caller(secret) for _ in range(20)))
    assert rows.finds == 1
    clock.later()
    await keyring.caller(secret)
    assert rows.finds == 2


async def test_a_revocation_elsewhere_is_seen_when_the_answer_is_old(
    keyring: Keyring, rows: Rows, clock: Clock
) -> None:
    secret = await make(rows, clock)
    await keyring.caller(secret)
    await rows.revoke(secret.split("_")[1], clock.now())
    await keyring.caller(secret)
    clock.later()
    with pytest.raises(Unauthorized):
        await keyring.caller(secret)


async def test_a_revocation_here_is_seen_at_once(
    keyring: Keyring, rows: Rows, clock: Clock
) -> None:
    secret = await make(rows, clock)
    await keyring.caller(secret)
    await Keys(rows, keyring.forget, clock.now).revoke(secret.split("_")[1])
    with pytest.raises(Unauthorized):
        await keyring.caller(secret)


async def test_a_known_key_works_on_without_the_database_for_the_grace_time(
    keyring: Keyring, rows: Rows, clock: Clock
) -> None:
    secret = await make(rows, clock)
    await keyring.caller(secret)
    rows.is_away = True
    clock.seconds += GRACE_S - 1
    assert (await keyring.caller(secret)).owner
    clock.seconds += 1 + FRESH_S
    with pytest.raises(StoreUnavailable):
        await keyring.caller(secret)
    rows.is_away = False
    assert (await keyring.caller(secret)).owner


async def test_of_an_unknown_key_nobody_says_that_it_is_wrong_without_the_database(
    keyring: Keyring, rows: Rows, clock: Clock
) -> None:
    await make(rows, clock)
    rows.is_away = True
    with pytest.raises(StoreUnavailable) as refusal:
        await keyring.caller(STRANGER)
    assert refusal.value.retryable


async def test_a_database_that_was_never_reached_does_not_open_the_door(
    keyring: Keyring, rows: Rows
) -> None:
    rows.is_away = True
    assert not keyring.is_known
    with pytest.raises(StoreUnavailable):
        await keyring.caller(None)
    rows.is_away = False
    assert await keyring.caller(None) is ANYBODY


async def test_an_open_service_stays_open_when_the_database_goes(
    keyring: Keyring, rows: Rows, clock: Clock
) -> None:
    await keyring.caller(None)
    rows.is_away = True
    clock.seconds += 10 * GRACE_S
    assert await keyring.caller(None) is ANYBODY
    assert await keyring.caller(STRANGER) is ANYBODY


async def test_a_silent_database_delays_who_is_known_but_little(
    keyring: Keyring, rows: Rows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maoocr.service.keyring.STALE_WAIT_S", 0.0)
    secret = await make(rows, clock)
    await keyring.caller(secret)
    rows.silence = asyncio.Event()
    clock.later()
    assert (await keyring.caller(secret)).owner
    assert (await keyring.caller(secret)).owner
    rows.silence.set()


async def test_a_caller_who_leaves_does_not_take_the_answer_from_the_others(
    keyring: Keyring, rows: Rows, clock: Clock
) -> None:
    secret = await make(rows, clock)
    rows.silence = asyncio.Event()
    first = asyncio.create_task(keyring.caller(secret))
    second = asyncio.create_task(keyring.caller(secret))
    await rows.asked.wait()
    first.cancel()
    rows.silence.set()
    assert (await second).owner
    assert rows.finds == 1


async def test_the_last_use_is_written_rarely(keyring: Keyring, rows: Rows, clock: Clock) -> None:
    secret = await make(rows, clock)
    for _ in range(5):
        await keyring.caller(secret)
        clock.later()
    await rows.touched.wait()
    assert rows.touches == 1


async def test_a_bug_is_an_error_and_no_open_door(
    keyring: Keyring, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> bool:
        raise RuntimeError("a bug")

    monkeypatch.setattr(rows, "were_made", broken)
    with pytest.raises(StoreUnavailable):
        await keyring.caller(None)
