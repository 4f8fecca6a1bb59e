import asyncio
import errno
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from maoocr.documents import spool_folder
from maoocr.documents.spool import BLOCK_BYTES, Spool, Upload
from maoocr.errors import StorageFull, TooLarge, UnreadableDocument, UnsupportedMedia

PNG = b"\x89PNG\r\n\x1a\n"
SMALL = PNG + b"small"
LARGE = PNG + bytes(range(256)) * 12_000
LIMIT = 16 * 1024 * 1024


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool", memory_bytes=1024)
    yield made
    made.close()


def files(spool: Spool) -> list[str]:
    return sorted(entry.name for entry in spool.root.iterdir() if entry.name != ".lock")


async def upload(spool: Spool, data: bytes, chunk: int = 65_536) -> Upload:
    writer = spool.writer(LIMIT)
    for start in range(0, len(data), chunk):
        await writer.write(data[start : start + chunk])
    return await writer.finish()


@pytest.mark.parametrize("data", [SMALL, PNG + bytes(1016), PNG + bytes(1017), LARGE])
async def test_an_upload_is_counted_hashed_sniffed_and_kept(spool: Spool, data: bytes) -> None:
    done = await upload(spool, data)
    await done.keep()
    assert (done.size, done.kind.name) == (len(data), "png")
    assert done.sha256 == hashlib.sha256(data).hexdigest()
    assert spool.path(done.sha256).read_bytes() == data
    assert files(spool) == [done.sha256], "files bear no name but the hash"
    done.release()
    assert files(spool) == []


async def test_a_small_upload_touches_the_disk_only_when_it_is_kept(spool: Spool) -> None:
    done = await upload(spool, SMALL)
    assert files(spool) == []
    done.release()
    await done.keep()
    assert files(spool) == [], "nobody is left who could read it"


async def test_a_large_upload_goes_to_disk_while_it_arrives(spool: Spool) -> None:
    writer = spool.writer(LIMIT)
    await writer.write(LARGE[: BLOCK_BYTES + 10])
    (part,) = files(spool)
    assert (spool.root / part).stat().st_size >= BLOCK_BYTES
    writer.abort()
    assert files(spool) == []


@pytest.mark.parametrize("data", [SMALL, LARGE])
async def test_identical_uploads_share_one_file_until_the_last_is_released(
    spool: Spool, data: bytes
) -> None:
    first, second, third = await upload(spool, data), await upload(spool, data), None
    await asyncio.gather(first.keep(), second.keep())
    third = await upload(spool, data)
    await third.keep()
    assert files(spool) == [first.sha256]
    for one in (first, first, third):
        one.release()
        assert files(spool) == [first.sha256]
    second.release()
    assert files(spool) == []


async def test_an_upload_over_the_limit_is_refused_as_it_arrives(spool: Spool) -> None:
    writer = spool.writer(2 * BLOCK_BYTES)
    await writer.write(LARGE[: BLOCK_BYTES + 1])
    with pytest.raises(TooLarge, match=f"{2 * BLOCK_BYTES} bytes .MAOOCR_LIMITS__MAX_BODY_BYTES"):
        await writer.write(bytes(BLOCK_BYTES))
    assert files(spool) == []


async def test_a_refused_kind_leaves_nothing_behind(spool: Spool) -> None:
    with pytest.raises(UnsupportedMedia):
        await upload(spool, b"<html>" + bytes(3 * BLOCK_BYTES))
    with pytest.raises(UnreadableDocument):
        await upload(spool, b"")
    assert files(spool) == []


async def test_a_full_disk_is_said_to_be_full_and_nothing_stays(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    small = await upload(spool, SMALL)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(StorageFull):
            await upload(spool, LARGE)
        with pytest.raises(StorageFull):
            await small.keep()
    assert files(spool) == []
    await small.keep()
    assert files(spool) == [small.sha256]


async def test_a_caller_who_leaves_while_it_is_written_leaves_nothing(spool: Spool) -> None:
    writer = spool.writer(LIMIT)
    writing = asyncio.create_task(writer.write(LARGE))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert files(spool) == []

    kept = await upload(spool, SMALL)
    keeping = asyncio.create_task(kept.keep())
    await asyncio.sleep(0)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    kept.release()
    await asyncio.to_thread(lambda: None)
    await asyncio.get_running_loop().shutdown_default_executor()
    await asyncio.sleep(0)
    assert files(spool) == []


def test_folder_and_files_are_private(spool: Spool) -> None:
    async def kept() -> Upload:
        done = await upload(spool, LARGE)
        await done.keep()
        return done

    done = asyncio.run(kept())
    assert stat.S_IMODE(spool.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(spool.path(done.sha256).stat().st_mode) == 0o600


def test_what_dead_processes_left_is_cleared_and_the_living_are_spared(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from maoocr.documents.spool import Spool;"
        "spool = Spool.claim(Path(sys.argv[1]), 0);"
        "(spool.root / 'left').write_bytes(b'x'); os._exit(0)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(spool_folder.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environment)
    assert len(list(tmp_path.glob("*/left"))) == 1
    living = Spool.claim(tmp_path, 0)
    (living.root / "mine").write_bytes(b"x")
    other = Spool.claim(tmp_path, 0)
    assert sorted(tmp_path.iterdir()) == sorted([living.root, other.root])
    assert (living.root / "mine").exists()
    living.close()
    living.close()
    other.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_a_living_process_holds_is_not_taken(spool: Spool) -> None:
    (spool.root / "mine").write_bytes(b"x")
    with pytest.raises(BlockingIOError):
        Spool(spool.root, 0)
    assert (spool.root / "mine").exists()


def test_leftovers_in_the_own_folder_are_cleared(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0123").write_bytes(b"x")
    taken = Spool(tmp_path / "a", 0)
    assert files(taken) == []
    taken.close()
