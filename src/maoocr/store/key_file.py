"""What the database said of all API keys, in a file: hashes and limits, never a secret."""

import hashlib
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import URL

from .records import ApiKey

__all__ = ["KeyFile", "SaidOfKeys"]


class SaidOfKeys(msgspec.Struct, frozen=True):
    """All keys at one moment, by the hash of their secret.

    Attributes:
        said_at: when the database said so, in UTC.
        database: tells databases apart.
    """

    said_at: datetime
    database: str
    keys: dict[str, ApiKey]


class KeyFile:
    """The file of one database. Its methods block."""

    def __init__(self, path: Path, database: URL) -> None:
        self._path = path
        shown = database.render_as_string(hide_password=True)
        self._database = hashlib.sha256(shown.encode()).hexdigest()

    def save(self, keys: Mapping[str, ApiKey], moment: datetime) -> None:
        """Write the file anew, whole or not at all, readable by nobody else.

        Raises:
            OSError: it cannot be written; what was there stays.
        """
        # The last use changes with every minute and is of no use here.
        told = {digest: replace(key, last_used_at=None) for digest, key in keys.items()}
        part = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(msgspec.json.encode(SaidOfKeys(moment, self._database, told)))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise

    def load(self) -> SaidOfKeys | None:
        """What was saved; None where there is nothing, or nothing of this database."""
        try:
            said = msgspec.json.decode(self._path.read_bytes(), type=SaidOfKeys)
        except (OSError, msgspec.MsgspecError):
            return None
        return said if said.database == self._database else None
