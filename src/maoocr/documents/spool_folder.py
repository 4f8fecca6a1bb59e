"""A folder that belongs to one living process, and writing to it on a disk that may be full."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StorageFull

__all__ = ["LOCK_NAME", "own", "remove_if_dead", "storage_errors", "store", "write_all"]

LOCK_NAME = ".lock"


def own(root: Path) -> int:
    """Make the folder, make it private, and lock it; the descriptor that holds the lock."""
    while True:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if root.stat().st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "The spool folder is another user's", str(root))
        root.chmod(0o700)
        try:
            fd = _lock(root / LOCK_NAME, os.O_CREAT)
        except FileNotFoundError:
            continue
        # Another process may have found the folder unlocked and removed it a moment ago.
        if os.fstat(fd).st_nlink:
            return fd
        os.close(fd)


def _lock(path: Path, flags: int = 0) -> int:
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd


def remove_if_dead(folder: Path) -> None:
    """Remove a folder whose process is gone; those of living ones are locked."""
    try:
        fd = _lock(folder / LOCK_NAME)
    except OSError:
        return
    try:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(fd)


def store(part: Path, data: bytes) -> None:
    """Write a new file, whole or not at all.

    Raises:
        StorageFull: there is no room for it.
    """
    try:
        with storage_errors():
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                write_all(fd, data)
            finally:
                os.close(fd)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_all(fd: int, data: bytes | bytearray) -> None:
    """Write all of the bytes, however many calls that takes."""
    with memoryview(data) as view:
        written = 0
        while written < len(view):
            written += os.write(fd, view[written:])


@contextmanager
def storage_errors(setting: str = "MAOOCR_SPOOL__DIR") -> Iterator[None]:
    """Say of a full disk that it is full (StorageFull), and which setting leads to another one."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise StorageFull(
                f"There is no room on the disk to keep the upload ({setting})."
            ) from error
        raise
