"""Uploads that are kept beside the history, named by the hash of their bytes."""

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ..errors import StorageFull

__all__ = ["Originals"]

YOUNG_S = 3600.0
"""A file that was asked for within this time may belong to a row that is still on its way."""

_NAME = re.compile(r"[0-9a-f]{64}")
_PART = ".part"


class Originals:
    """A folder. Its methods block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """Where the upload with that hash lies."""
        return self._folder / name

    def keep(self, name: str, source: Path) -> None:
        """Copy a file, unless it is there already; it is on the disk when this returns.

        Raises:
            StorageFull: there is no room, or the folder cannot be used.
        """
        target = self.path(name)
        with suppress(OSError):
            os.utime(target)
            return
        part = self._folder / f"{secrets.token_hex(8)}{_PART}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with source.open("rb") as given, part.open("xb") as copy:
                os.fchmod(copy.fileno(), 0o600)
                shutil.copyfileobj(given, copy, 1024 * 1024)
                copy.flush()
                os.fsync(copy.fileno())
            part.rename(target)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise StorageFull(
                "The upload cannot be kept as MAOOCR_HISTORY__KEEP_ORIGINALS asks"
                f" (MAOOCR_STATE_DIR): {error.strerror}"
            ) from error

    def old(self) -> Iterator[str]:
        """The files that no row on its way can belong to; leftovers of a crash are removed."""
        now = datetime.now(UTC).timestamp()
        with suppress(FileNotFoundError):
            for entry in os.scandir(self._folder):
                with suppress(FileNotFoundError):
                    if now - entry.stat().st_mtime < YOUNG_S:
                        continue
                    if _NAME.fullmatch(entry.name):
                        yield entry.name
                    elif entry.name.endswith(_PART):
                        os.unlink(entry.path)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that are gone already are passed over."""
        for name in names:
            self.path(name).unlink(missing_ok=True)
