"""Keeps what the database says of all keys beside it, for a start while it is away.

The copy lets in whom the database knew, and never opens the service: that no key was made is not
remembered. It ages from the moment when the database was last asked, so that a key which was
revoked since works no longer than it would in a process that went on.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from ..errors import MaoOCRError
from ..store.key_file import SaidOfKeys
from ..store.records import ApiKey

__all__ = ["EVERY_S", "HashedKeys", "KeyCopy", "KeyFile"]

log = logging.getLogger("maoocr.keys")

EVERY_S = 30.0
"""Between two looks for keys that other processes changed."""


class HashedKeys(Protocol):
    """The keys in the database."""

    async def by_hash(self) -> Mapping[str, ApiKey]:
        """All of them, by the hash of their secret; may raise `StoreUnavailable`."""


class KeyFile(Protocol):
    """Where the copy lies; each call blocks."""

    def save(self, keys: Mapping[str, ApiKey], moment: datetime) -> None: ...
    def load(self) -> SaidOfKeys | None: ...


class KeyCopy:
    """Written by one gateway process; several may write the same file."""

    def __init__(
        self,
        rows: HashedKeys,
        file: KeyFile,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._rows = rows
        self._file = file
        self._now = now
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Keys have changed: write them soon."""
        self._changed.set()

    async def read(self) -> tuple[Mapping[str, ApiKey], float]:
        """The keys of the copy, and how old it is in seconds; none from a clock that went back."""
        said = await asyncio.to_thread(self._file.load)
        age_s = -1.0 if said is None else (self._now() - said.said_at).total_seconds()
        return (said.keys, age_s) if said is not None and age_s >= 0 else ({}, 0.0)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            self._changed.clear()
            try:
                await self.write()
            except MaoOCRError as error:
                log.debug("keys not copied", extra={"reason": error.message})
            except OSError as error:
                log.warning("keys cannot be copied", extra={"reason": error.strerror})
            except Exception:
                log.exception("keys cannot be copied")
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def write(self) -> None:
        """Write what the database says now.

        Raises:
            StoreUnavailable: it is away.
            OSError: the file cannot be written.
        """
        moment = self._now()
        keys = await self._rows.by_hash()
        if keys:
            await asyncio.to_thread(self._file.save, keys, moment)
