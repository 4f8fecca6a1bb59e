"""Who may use the service, and how much: all of it that the gateway needs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from .key_copy import HashedKeys, KeyCopy, KeyFile
from .keyring import Keyring
from .keys import Keys
from .ports import ApiKeyRows, Rates, UsageRows
from .quota import Quota

__all__ = ["Access", "open_access"]


@dataclass(frozen=True, slots=True)
class Access:
    """Keys, their limits and their use."""

    keyring: Keyring
    keys: Keys
    usage: UsageRows
    quota: Quota
    rates: Rates


class AllKeyRows(ApiKeyRows, HashedKeys, Protocol):
    """Keys one by one and all at once."""


@asynccontextmanager
async def open_access(
    rows: AllKeyRows, file: KeyFile, usage: UsageRows, rates: Rates, grace_s: float
) -> AsyncIterator[Access]:
    """Put it together, with what a process before this one knew of the keys; ended at exit.

    A change of the keys is seen by the keyring of this process at once.
    """
    keyring, copy = Keyring(rows, grace_s), KeyCopy(rows, file)

    def changed() -> None:
        keyring.forget()
        copy.changed()

    copying = None
    if grace_s:
        keyring.recall(*await copy.read())
        copying = asyncio.create_task(copy.run())
    try:
        yield Access(keyring, Keys(rows, changed), usage, Quota(usage), rates)
    finally:
        if copying is not None:
            copying.cancel()
            await asyncio.wait({copying})
        await keyring.close()
