"""Uploads on disk, named by the hash of their bytes.

One gateway process owns one folder. A document lies at `root/sha256`, where the lanes of that
process open it; the name that the caller gave is never used. The folder holds a lock for as long as
its process lives, by which a later process knows whether the files in it still matter to anybody.
"""

import asyncio
import errno
import hashlib
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

from ..errors import TooLarge
from .kinds import HEAD_BYTES, Kind, sniff
from .limits import MAX_BODY_BYTES
from .spool_folder import LOCK_NAME, own, remove_if_dead, storage_errors, store, write_all

__all__ = ["Spool", "SpoolWriter", "Upload"]

BLOCK_BYTES = 1024 * 1024
"""Bytes that are gathered before a thread writes them."""

_INLINE_HASH_BYTES = 512 * 1024
_PREFIX = "spool-"
_PART = ".part"


class Spool:
    """The folder of one gateway process. Not for use by several event loops."""

    def __init__(self, root: Path, memory_bytes: int) -> None:
        """Take the folder, which is made if need be, and empty it of what dead processes left.

        Args:
            root: the process's own folder; made private (mode 0700).
            memory_bytes: uploads up to this size stay in memory until `Upload.keep`.

        Raises:
            OSError: the folder cannot be made, is somebody else's, or a living process holds it
                (BlockingIOError).
        """
        self.root = root.absolute()
        self.memory_bytes = memory_bytes
        self._lock_fd = own(self.root)
        self._references: dict[str, int] = {}
        for entry in self.root.iterdir():
            if entry.name != LOCK_NAME and (entry.is_symlink() or entry.is_file()):
                entry.unlink(missing_ok=True)

    @classmethod
    def claim(cls, base: Path | None, memory_bytes: int) -> "Spool":
        """Make a folder for this process below `base`, and remove those of dead processes.

        Args:
            base: may be shared by all processes of a machine; None is `maoocr-<uid>` in the
                system's temporary folder.
            memory_bytes: see the constructor.
        """
        if base is None:
            base = Path(tempfile.gettempdir()) / f"maoocr-{os.geteuid()}"
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        if base.stat().st_uid != os.geteuid() and not os.access(base, os.W_OK | os.X_OK):
            raise PermissionError(errno.EPERM, "The spool folder is another user's", str(base))
        for folder in base.glob(f"{_PREFIX}*"):
            remove_if_dead(folder)
        return cls(base / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}", memory_bytes)

    def writer(self, max_bytes: int) -> "SpoolWriter":
        """A writer for one upload of at most so many bytes."""
        return SpoolWriter(self, max_bytes)

    async def bring(
        self, sha256: str, size: int, kind: Kind, fetch: Callable[[Path], Awaitable[None]]
    ) -> "Upload":
        """A document that lies elsewhere, brought here unless it is here already.

        Args:
            sha256: of its bytes, in hex.
            size: in bytes.
            kind: of document.
            fetch: puts the bytes at a path where nothing lies yet.
        """
        if not self._share(sha256):
            part = self._part()
            await fetch(part)
            self._adopt(sha256, part)
        return Upload(self, sha256, size, kind, None)

    def path(self, sha256: str) -> Path:
        """Where the document with that hash lies, once it is kept."""
        return self.root / sha256

    def close(self) -> None:
        """Remove the folder and everything in it. Idempotent."""
        if self._lock_fd < 0:
            return
        shutil.rmtree(self.root, ignore_errors=True)
        os.close(self._lock_fd)
        self._lock_fd = -1

    def _part(self) -> Path:
        return self.root / f"{secrets.token_hex(16)}{_PART}"

    def _adopt(self, sha256: str, part: Path) -> None:
        """Give a finished file its name and a reference; drop it where its like is there."""
        if self._share(sha256):
            part.unlink(missing_ok=True)
        else:
            part.rename(self.path(sha256))
            self._references[sha256] = 1

    def _share(self, sha256: str) -> bool:
        """Take one more reference to a file that is there."""
        count = self._references.get(sha256, 0)
        if count:
            self._references[sha256] = count + 1
        return count > 0

    def _drop(self, sha256: str) -> None:
        count = self._references.pop(sha256, 0)
        if count > 1:
            self._references[sha256] = count - 1
        elif count == 1:
            self.path(sha256).unlink(missing_ok=True)


class Upload:
    """A document that has arrived whole.

    Attributes:
        sha256: of its bytes, in hex; its name.
        size: in bytes.
        kind: by its bytes.
    """

    def __init__(
        self, spool: Spool, sha256: str, size: int, kind: Kind, data: bytes | None
    ) -> None:
        self.sha256 = sha256
        self.size = size
        self.kind = kind
        self._spool = spool
        self._data = data
        self._kept = data is None
        self._released = False
        self._keeping = asyncio.Lock()

    async def keep(self) -> None:
        """Make sure that the bytes lie at `spool.path(sha256)`.

        Raises:
            StorageFull: there is no room for them.
        """
        async with self._keeping:
            if self._kept or self._released or self._data is None:
                return
            if not self._spool._share(self.sha256):
                part = self._spool._part()
                stored = asyncio.get_running_loop().run_in_executor(None, store, part, self._data)
                try:
                    await asyncio.shield(stored)
                except asyncio.CancelledError:
                    stored.add_done_callback(lambda done: _forget(done, part))
                    raise
                self._spool._adopt(self.sha256, part)
            self._kept = True
            self._data = None
            if self._was_released():
                self._spool._drop(self.sha256)

    def _was_released(self) -> bool:
        return self._released

    def release(self) -> None:
        """Drop this reference; the file goes when the last one goes. Idempotent."""
        if self._released:
            return
        self._released = True
        self._data = None
        if self._kept:
            self._spool._drop(self.sha256)


class SpoolWriter:
    """One upload while it arrives: counted, hashed, in memory while it is small, else on disk.

    Every writer ends with `finish` or `abort`; both are safe to call after the other.
    """

    def __init__(self, spool: Spool, max_bytes: int) -> None:
        self._spool = spool
        self._max_bytes = max_bytes
        self._size = 0
        self._head = b""
        self._pending = bytearray()
        self._hash = hashlib.sha256()
        self._part: Path | None = None
        self._fd = -1
        self._closed = False
        # A write that was cancelled goes on in its thread: the descriptor must outlive it.
        self._writing = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes that arrived so far."""
        return self._size

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: there are more than `max_bytes`; the upload is aborted.
            StorageFull: the disk is full; the upload is aborted.
        """
        self._size += len(chunk)
        if self._size > self._max_bytes:
            self.abort()
            raise TooLarge(f"The upload is larger than {self._max_bytes} bytes ({MAX_BODY_BYTES}).")
        if len(self._head) < HEAD_BYTES:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
        self._pending += chunk
        to_disk = self._part is not None or self._size > self._spool.memory_bytes
        if to_disk and len(self._pending) >= BLOCK_BYTES:
            await self._flush()

    async def finish(self) -> Upload:
        """The upload, whole.

        Raises:
            UnreadableDocument: it is empty.
            UnsupportedMedia: it is of no kind that is read here.
            StorageFull: the disk is full.
        """
        try:
            kind = sniff(self._head)
            if self._part is None and self._size <= self._spool.memory_bytes:
                return await self._finish_in_memory(kind)
            await self._flush()
            self._close()
            sha256 = self._hash.hexdigest()
            if self._part is not None:
                self._spool._adopt(sha256, self._part)
            return Upload(self._spool, sha256, self._size, kind, None)
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Forget what arrived. Idempotent; does nothing to an upload that is finished."""
        self._pending = bytearray()
        self._close()
        if self._part is not None:
            self._part.unlink(missing_ok=True)

    async def _finish_in_memory(self, kind: Kind) -> Upload:
        data = bytes(self._pending)
        if len(data) <= _INLINE_HASH_BYTES:
            self._hash.update(data)
        else:
            await asyncio.to_thread(self._hash.update, data)
        self._closed = True
        return Upload(self._spool, self._hash.hexdigest(), self._size, kind, data)

    async def _flush(self) -> None:
        block, self._pending = self._pending, bytearray()
        if self._part is None:
            self._part = self._spool._part()
        try:
            await asyncio.to_thread(self._append, block)
        except BaseException:
            self.abort()
            raise

    def _append(self, block: bytearray) -> None:
        with self._writing, storage_errors():
            if self._closed:
                return
            assert self._part is not None
            if self._fd < 0:
                self._fd = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._hash.update(block)
            write_all(self._fd, block)

    def _close(self) -> None:
        with self._writing:
            self._closed = True
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1


def _forget(stored: "asyncio.Future[None]", part: Path) -> None:
    if not stored.cancelled() and stored.exception() is None:
        part.unlink(missing_ok=True)
