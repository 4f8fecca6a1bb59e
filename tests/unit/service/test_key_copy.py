"""A file of what the database said of the keys, and who is let in by it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from maoocr.errors import StoreUnavailable, Unauthorized
from maoocr.service.key_copy import KeyCopy
from maoocr.service.keyring import Keyring, secret_hash
from maoocr.service.keys import Keys
from maoocr.store.connecting import database_url
from maoocr.store.key_file import KeyFile
from maoocr.store.records import ApiKey
from tests.unit.service.test_keyring import GRACE_S, NOW, STRANGER, Clock, Rows

DATABASE = "postgresql://maoocr:secret@here/maoocr"


class AllRows(Rows):
    """The table, which can be read whole too."""

    async def by_hash(self) -> Mapping[str, ApiKey]:
        await self._answer()
        return dict(self.keys)


def file_in(folder: Path, database: str = DATABASE) -> KeyFile:
    return KeyFile(folder / "state" / "keys.json", database_url(database, folder))


async def copied(folder: Path, clock: Clock) -> tuple[AllRows, str, str]:
    """The rows, and the secrets of a good key and of a revoked one, all of it in the file."""
    rows = AllRows()
    keys = Keys(rows, now=clock.now)
    _, good = await keys.create("good", ["jobs"], rate_per_minute=7)
    ended, revoked = await keys.create("ended", [])
    await keys.revoke(ended.id)
    await KeyCopy(rows, file_in(folder), clock.now).write()
    return rows, good, revoked


async def next_start(folder: Path, rows: AllRows, clock: Clock) -> Keyring:
    """The keyring of a process that finds the database away."""
    rows.is_away = True
    keyring = Keyring(rows, GRACE_S, clock, clock.now)
    keyring.recall(*await KeyCopy(rows, file_in(folder), clock.now).read())
    return keyring


async def test_who_was_known_is_let_in_with_his_limits_until_the_grace_time_ends(
    tmp_path: Path,
) -> None:
    clock = Clock()
    rows, good, revoked = await copied(tmp_path, clock)
    clock.seconds += GRACE_S / 2
    keyring = await next_start(tmp_path, rows, clock)
    assert keyring.is_known
    caller = await keyring.caller(good)
    assert caller.scopes == {"jobs"}
    assert (caller.rate_per_minute, caller.name) == (7, "good")
    for wrong in (revoked, None):
        with pytest.raises(Unauthorized):
            await keyring.caller(wrong)
    with pytest.raises(StoreUnavailable):
        await keyring.caller(STRANGER)
    # Counted from when the database spoke, not from the start.
    clock.seconds += GRACE_S / 2
    with pytest.raises(StoreUnavailable):
        await keyring.caller(good)
    await keyring.close()


async def test_the_database_decides_as_soon_as_it_is_there(tmp_path: Path) -> None:
    clock = Clock()
    rows, good, _ = await copied(tmp_path, clock)
    keyring = await next_start(tmp_path, rows, clock)
    rows.is_away = False
    await rows.revoke(good.split("_")[1], NOW)
    with pytest.raises(Unauthorized):
        await keyring.caller(good)
    await keyring.close()


async def test_a_clock_that_went_back_prolongs_nothing(tmp_path: Path) -> None:
    clock = Clock()
    rows, good, _ = await copied(tmp_path, clock)
    clock.seconds -= 1
    keyring = await next_start(tmp_path, rows, clock)
    with pytest.raises(StoreUnavailable):
        await keyring.caller(good)
    await keyring.close()


async def test_no_key_is_no_copy_and_opens_nothing(tmp_path: Path) -> None:
    clock, rows = Clock(), AllRows()
    await KeyCopy(rows, file_in(tmp_path), clock.now).write()
    assert not (tmp_path / "state").exists()
    keyring = await next_start(tmp_path, rows, clock)
    with pytest.raises(StoreUnavailable):
        await keyring.caller(None)
    await keyring.close()


async def test_changes_are_written_and_a_database_that_is_away_takes_nothing_back(
    tmp_path: Path,
) -> None:
    clock, rows, file = Clock(), AllRows(), file_in(tmp_path)
    copy = KeyCopy(rows, file, clock.now)
    keys = Keys(rows, copy.changed, clock.now)
    running = asyncio.create_task(copy.run())
    for name in ("one", "two"):
        key, _ = await keys.create(name, [])
        async with asyncio.timeout(30):
            await until_saved(file, key.id)
    rows.is_away = True
    copy.changed()
    with pytest.raises(StoreUnavailable):
        await copy.write()
    assert len((await copy.read())[0]) == 2
    running.cancel()
    await asyncio.wait({running})


async def until_saved(file: KeyFile, key_id: str) -> None:
    while True:
        said = file.load()
        if said is not None and key_id in {key.id for key in said.keys.values()}:
            return
        await asyncio.sleep(0)


async def test_the_file_is_private_whole_and_without_secrets(tmp_path: Path) -> None:
    _, good, _ = await copied(tmp_path, Clock())
    (path,) = (tmp_path / "state").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    written = path.read_text()
    assert secret_hash(good) in written
    assert good.split("_")[2] not in written
    assert "secret" not in written


@pytest.mark.parametrize("damage", [b"", b"{", b'{"keys": {}}'])
async def test_a_damaged_file_is_none(tmp_path: Path, damage: bytes) -> None:
    await copied(tmp_path, Clock())
    (path,) = (tmp_path / "state").iterdir()
    path.write_bytes(damage)
    assert file_in(tmp_path).load() is None


async def test_the_keys_of_another_database_are_not_believed(tmp_path: Path) -> None:
    await copied(tmp_path, Clock())
    assert file_in(tmp_path).load() is not None
    assert file_in(tmp_path, "postgresql://maoocr:other@here/maoocr").load() is not None
    assert file_in(tmp_path, "postgresql://maoocr:secret@there/maoocr").load() is None


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "state" / "keys.json" / "in the way").mkdir(parents=True)
    key = ApiKey("0" * 26, "a key", frozenset(), None, None, NOW, None)
    with pytest.raises(OSError):  # noqa: PT011
        file_in(tmp_path).save({"a": key}, NOW)
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["keys.json"]
