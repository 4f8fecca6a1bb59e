"""The folder of one repository's weights: what belongs into it, and what lies there.

A lock file beside the weights holds the commit and each file's size and hash as the hub told them
when they were pulled. With it they can be checked without the hub, and a pull that was cut off goes
on with the same commit.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ..errors import Conflict, ModelUnavailable
from .download import CHUNK_BYTES, PART_SUFFIX, make_folder, storage_error
from .hub import HubFile, is_plain_path
from .hub_transfer import digest_of

__all__ = [
    "FileState",
    "Lock",
    "allow_marking",
    "beat",
    "being_pulled",
    "being_used",
    "delete",
    "file_state",
    "forget_use",
    "not_being_used",
    "read_lock",
    "remove_folder",
    "write_lock",
]

FileState = Literal["absent", "ready", "corrupt"]

LOCK_NAME = ".maoocr-lock.json"
PULL_NAME = ".maoocr-pull"
USE_NAME = ".maoocr-use"

POLL_S = 0.2
STALE_S = 600.0
"""After which a process that holds the folder and writes nothing is not waited for."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What the folder is to hold.

    Attributes:
        revision: that was asked for.
        commit: that it meant then.
    """

    repository: str
    revision: str
    commit: str
    files: tuple[HubFile, ...]

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files)


def read_lock(folder: Path) -> Lock | None:
    """The lock file of a folder; None where there is none.

    Raises:
        ModelUnavailable: it cannot be read, or is damaged.
    """
    path = folder / LOCK_NAME
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(HubFile(**file) for file in told.pop("files"))
        if not all(is_plain_path(file.path) for file in files):
            raise ValueError("a path")
        return Lock(**told, files=files)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelUnavailable(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelUnavailable(
            f"{path} is damaged: delete it and pull the model again; files that are right stay."
        ) from error


def write_lock(folder: Path, lock: Lock) -> None:
    """Put the lock file of a folder in the place of the one that was there."""
    path = folder / LOCK_NAME
    new = path.with_name(f"{LOCK_NAME}.new")
    try:
        new.write_text(json.dumps(asdict(lock), indent=1), encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise storage_error(path, error) from error


def file_state(folder: Path, file: HubFile, *, reads: bool) -> FileState:
    """How a file is.

    Args:
        folder: of the repository.
        file: as it has to be.
        reads: read it and compare its hash; else its size tells.
    """
    path = folder / file.path
    if not path.is_file():
        return "absent"
    if path.stat().st_size != file.size_bytes:
        return "corrupt"
    if not reads:
        return "ready"
    digest = digest_of(file)
    try:
        with path.open("rb") as data:
            while chunk := data.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise ModelUnavailable(f"{path} cannot be read: {error.strerror}.") from error
    return "ready" if digest.hexdigest() == (file.sha256 or file.git_sha1) else "corrupt"


@contextmanager
def being_pulled(
    folder: Path,
    on_wait: Callable[[], None],
    *,
    clock: Callable[[], float] = lambda: datetime.now(UTC).timestamp(),
    poll_s: float = POLL_S,
) -> Iterator[None]:
    """Have the folder alone; another process that pulls into it is waited for.

    Its end frees the folder, whatever it died of.

    Raises:
        ModelUnavailable: the other one has written nothing for long, or the folder cannot be used.
    """
    make_folder(folder)
    path = folder / PULL_NAME
    try:
        file = path.open("a")
    except OSError as error:
        raise storage_error(path, error) from error
    with file:
        has_told = False
        while not _taken(file.fileno(), fcntl.LOCK_EX):
            if not has_told:
                has_told = True
                on_wait()
            if clock() - path.stat().st_mtime > STALE_S:
                raise ModelUnavailable(
                    f"Another process fetches into {folder}, but nothing has come for"
                    f" {STALE_S / 60:g} minutes: end it, and pull again."
                )
            time.sleep(poll_s)
        beat(folder)
        yield


def beat(folder: Path) -> None:
    """Show those who wait for the folder that something comes."""
    with suppress(OSError):
        os.utime(folder / PULL_NAME)


@contextmanager
def being_used(folder: Path) -> Iterator[None]:
    """While this is open, nobody removes the folder's weights; several may use them.

    Where the folder is not there, or may not be written and has no file for the mark, nothing is
    marked.
    """
    file = None
    for mode in ("a", "r") if folder.is_dir() else ():
        with suppress(OSError):
            file = (folder / USE_NAME).open(mode)
            break
    if file is None:
        yield
        return
    with file:
        _taken(file.fileno(), fcntl.LOCK_SH)
        yield


def allow_marking(folder: Path) -> None:
    """Leave the file of the mark, for servers that may only read the folder."""
    with suppress(OSError):
        (folder / USE_NAME).touch()


@contextmanager
def not_being_used(folder: Path) -> Iterator[None]:
    """Nobody uses the folder's weights, as far as can be known.

    Raises:
        Conflict: a server of this machine does.
    """
    try:
        file = (folder / USE_NAME).open("a") if (folder / USE_NAME).is_file() else None
    except OSError:
        file = None
    if file is None:
        yield
        return
    with file:
        if not _taken(file.fileno(), fcntl.LOCK_EX):
            raise Conflict(f"A running server uses {folder}: stop it, or unload the engine first.")
        yield


def remove_folder(folder: Path, lock: Lock | None) -> int:
    """Delete what was pulled; what was put there by others stays.

    Returns:
        Bytes that were freed.
    """
    freed_bytes = 0
    names = [file.path for file in lock.files] if lock else []
    parts = list(folder.rglob(f".*{PART_SUFFIX}"))
    ours = [LOCK_NAME, PULL_NAME, USE_NAME]
    for path in [*(folder / name for name in names), *parts, *(folder / name for name in ours)]:
        freed_bytes += path.stat().st_size if path.is_file() else 0
        delete(path, folder.parent)
    return freed_bytes


def delete(path: Path, end: Path) -> None:
    """Delete a file, where it is there, and the folders below `end` that are empty then.

    Raises:
        ModelUnavailable: it cannot be deleted.
    """
    try:
        path.unlink(missing_ok=True)
        folder = path.parent
        while folder != end and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
    except OSError as error:
        raise ModelUnavailable(f"{path} cannot be deleted: {error.strerror}.") from error


def forget_use(folder: Path, end: Path) -> None:
    """Delete the mark of use where nothing else is left to be used."""
    if [path.name for path in folder.iterdir()] == [USE_NAME]:
        delete(folder / USE_NAME, end)


def _taken(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks: better unguarded than unusable.
        return True
    return True
