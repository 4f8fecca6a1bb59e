"""Files that must outlive a restart: jobs' uploads until they are read."""

import asyncio
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ..documents.spool_folder import storage_errors

__all__ = ["BlobStore", "FolderBlobs", "blob_key", "checked"]

_PART = ".part-"


class BlobStore(Protocol):
    """Keeps files under keys of the form `group/name`, the name being the SHA-256 of the file.

    Each call may raise `StoreUnavailable`, where the files lie on another machine.
    """

    async def put(self, key: str, source: Path) -> None:
        """Keep a copy of a file; it survives a power cut when this returns.

        Raises:
            StorageFull: there is no room; nothing is left of it.
        """

    async def fetch(self, key: str, target: Path) -> None:
        """Bring a file to a place of this machine where nothing lies yet.

        Raises:
            FileNotFoundError: there is none under that key.
            StorageFull: there is no room at the target.
        """

    async def remove(self, group: str) -> None:
        """Remove all files of a group; none is no error, nor is a store that is away."""

    async def groups(self) -> list[str]:
        """The groups there are."""

    async def look(self) -> None:
        """Return if the store is there, whatever it holds."""


class FolderBlobs:
    """A `BlobStore` in a folder, which replicas may share over a network file system."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    async def put(self, key: str, source: Path) -> None:
        """See `BlobStore.put`."""
        await asyncio.to_thread(self._put, key, source)

    async def fetch(self, key: str, target: Path) -> None:
        """See `BlobStore.fetch`."""
        await asyncio.to_thread(_fetch, self._path(key), target)

    async def remove(self, group: str) -> None:
        """See `BlobStore.remove`."""
        folder = self._root / checked(group)
        await asyncio.to_thread(lambda: shutil.rmtree(folder, ignore_errors=True))

    async def groups(self) -> list[str]:
        """See `BlobStore.groups`."""
        return await asyncio.to_thread(self._groups)

    async def look(self) -> None:
        """See `BlobStore.look`; the folder is made when the first file comes."""

    def _groups(self) -> list[str]:
        if not self._root.is_dir():
            return []
        return sorted(entry.name for entry in self._root.iterdir() if entry.is_dir())

    def _path(self, key: str) -> Path:
        return self._root / blob_key(key)

    def _put(self, key: str, source: Path) -> None:
        target = self._path(key)
        folder = target.parent
        with storage_errors("MAOOCR_STATE_DIR"):
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _sync(self._root.parent)
                _sync(self._root)
            part = folder / f"{_PART}{secrets.token_hex(8)}"
            with _removed_on_failure(part):
                _link_or_copy(source, part)
                _sync(part)
                part.rename(target)
                _sync(folder)


def blob_key(key: str) -> str:
    """The key, when it is one.

    Raises:
        ValueError: it is none; it could lead anywhere.
    """
    group, _, name = key.partition("/")
    return f"{checked(group)}/{checked(name)}"


def checked(name: str) -> str:
    """A part of a key, when it is one.

    Raises:
        ValueError: it is none.
    """
    if not name or not name.isascii() or not name.isalnum():
        raise ValueError(f"{name!r} is no part of a blob's key.")
    return name


@contextmanager
def _removed_on_failure(part: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _fetch(source: Path, target: Path) -> None:
    with storage_errors():
        _link_or_copy(source, target)


def _link_or_copy(source: Path, target: Path) -> None:
    """Two names of one file where both lie on one disk, since neither is ever written to."""
    with _removed_on_failure(target):
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, target)
            target.chmod(0o600)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
