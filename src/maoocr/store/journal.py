"""Records on disk that wait for the database: appended, read in order, removed when they are in it.

Each process appends to a file of its own below one folder and holds a lock on it for as long as it
lives. The others take over the files of those that are gone. A file begins with
`MAGIC`; each record is its length and its CRC-32 as two little-endian 32-bit numbers, and its
bytes.
"""

import fcntl
import logging
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import StorageFull
from .ids import new_id

__all__ = ["MAGIC", "Journal", "Segment", "frame", "records_in"]

log = logging.getLogger("maoocr.store")

MAGIC = b"MAOOCRJ1"
MAX_RECORD_BYTES = 2**30
SEGMENT_RECORDS = 1000
"""Records of one file: what was replayed is removed a file at a time."""

_HEAD = struct.Struct("<II")
_SUFFIX = ".journal"


def frame(record: bytes) -> bytes:
    """A record as it stands in a file."""
    return _HEAD.pack(len(record), zlib.crc32(record)) + record


def records_in(path: Path) -> Iterator[bytes]:
    """The whole records of a file, in order; what is torn or damaged is told to the log."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            if path.stat().st_size:
                log.error("journal not understood", extra={"journal": path.name})
            return
        while head := file.read(_HEAD.size):
            length, crc = _HEAD.unpack(head) if len(head) == _HEAD.size else (MAX_RECORD_BYTES, 0)
            record = file.read(length) if length < MAX_RECORD_BYTES else b""
            if len(record) < length:
                log.warning("journal ends in a torn record", extra={"journal": path.name})
                return
            if zlib.crc32(record) == crc:
                yield record
            else:
                log.error("journal has a damaged record", extra={"journal": path.name})


class Segment:
    """One file, locked by this process."""

    def __init__(self, path: Path, lock_fd: int, records: int) -> None:
        self.path = path
        self.records = records
        self._fd = lock_fd
        self._end = os.fstat(lock_fd).st_size

    def append(self, records: Sequence[bytes]) -> None:
        """Add records, all or none; they are on the disk when this returns.

        Raises:
            StorageFull: there is no room.
            OSError: the disk fails.
        """
        data = b"".join(map(frame, records))
        try:
            if not self._end:
                data = MAGIC + data
            written = 0
            while written < len(data):
                written += os.pwrite(self._fd, data[written:], self._end + written)
            os.fsync(self._fd)
        except OSError as error:
            # What was half-written would hide everything that is appended after it.
            with suppress(OSError):
                os.ftruncate(self._fd, self._end)
            raise StorageFull(
                f"The journal of the history cannot be written (MAOOCR_STATE_DIR): {error.strerror}"
            ) from error
        self._end += len(data)
        self.records += len(records)

    def remove(self) -> None:
        """Take the file away: everything in it is in the database."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of it; it stays for the next process."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Journal:
    """The folder, as one process uses it. Its methods block; one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._current: Segment | None = None
        self._sealed: list[Segment] = []

    @property
    def records(self) -> int:
        """How many wait here."""
        return sum(segment.records for segment in self._segments())

    def adopt(self) -> None:
        """Take over the files of processes that are gone."""
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            try:
                fd = _locked(path, os.O_RDWR)
            except OSError:
                # Of a living process, this one too; or just removed by one.
                continue
            if not path.exists():
                os.close(fd)
                continue
            self._sealed.append(Segment(path, fd, sum(1 for _ in records_in(path))))

    def append(self, records: Sequence[bytes]) -> None:
        """Add records; they are on the disk when this returns.

        Raises:
            StorageFull: there is no room, or the folder cannot be used.
        """
        if self._current is None:
            self._current = self._begin()
        self._current.append(records)
        if self._current.records >= SEGMENT_RECORDS:
            self.seal()

    def seal(self) -> list[Segment]:
        """Every file with records, the oldest first; later records go into a new one."""
        if self._current is not None and self._current.records:
            self._sealed.append(self._current)
            self._current = None
        return list(self._sealed)

    def remove(self, segment: Segment) -> None:
        """Drop a sealed file whose records are in the database."""
        self._sealed.remove(segment)
        segment.remove()

    def close(self) -> None:
        """Let go of the files; an empty one is removed."""
        for segment in self._segments():
            if segment.records:
                segment.close()
            else:
                segment.remove()
        self._sealed, self._current = [], None

    def _segments(self) -> list[Segment]:
        return self._sealed + ([self._current] if self._current else [])

    def _begin(self) -> Segment:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            segment = self._make()
            folder_fd = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder_fd)
            finally:
                os.close(folder_fd)
        except OSError as error:
            raise StorageFull(
                f"The journal of the history cannot be made (MAOOCR_STATE_DIR): {error.strerror}"
            ) from error
        return segment

    def _make(self) -> Segment:
        while True:
            path = self._folder / f"{new_id()}{_SUFFIX}"
            # Another process may take it for one without an owner, before it is locked.
            with suppress(BlockingIOError):
                return Segment(path, _locked(path, os.O_RDWR | os.O_CREAT | os.O_EXCL), 0)


def _locked(path: Path, flags: int) -> int:
    fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd
