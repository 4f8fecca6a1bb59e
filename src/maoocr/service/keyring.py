"""Tells who holds a key, from memory as long as that is fresh.

What the database said is believed for `FRESH_S`, so a key that is revoked elsewhere is refused here
soon after. When the database is away, a key that it has confirmed, to this process or to the one
that wrote the copy (see `key_copy`), works on for the grace time; of any other nobody can say
whether it is good, and that is said, not that it is wrong.
"""

import asyncio
import hashlib
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from ..errors import MaoOCRError, StoreUnavailable, Unauthorized
from ..store.records import ApiKey
from .callers import ANYBODY, Caller
from .ports import ApiKeyRows

__all__ = ["Keyring", "secret_hash"]

log = logging.getLogger("maoocr.keys")

FRESH_S = 3.0
"""How long an answer of the database is believed: a revocation is seen everywhere within it."""
STALE_WAIT_S = 0.25
"""How long a request waits for a fresh answer where there is an older one."""
LOOKUP_S = 5.0
"""How long it waits where there is none."""
STRANGERS_AT_ONCE = 4
"""Keys never seen that are looked up side by side: guessing must not fill the connections."""
TOUCH_EVERY_S = 300.0
MOST_ENTRIES = 4096

_SECRET = re.compile(r"mao_[0-9A-HJKMNP-TV-Z]{26}_[0-9A-Za-z]{32,64}")

T = TypeVar("T")


def secret_hash(secret: str) -> str:
    """What is kept of a secret: it is random and long, so a fast hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(slots=True)
class _Entry:
    """What the database said of one secret.

    Attributes:
        key: None when it has none with it.
        caller: who holds it, if it was good then.
        said_at: when the database said so.
        fresh_until: until then it is not asked again.
    """

    key: ApiKey | None
    caller: Caller | None
    said_at: float
    fresh_until: float
    touch_after: float = 0.0

    @property
    def is_revoked(self) -> bool:
        """It is so for good: there is nothing more to ask."""
        return self.key is not None and self.key.revoked_at is not None


class Keyring:
    """The keys of one gateway process."""

    def __init__(
        self,
        rows: ApiKeyRows,
        grace_s: float,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the rows.

        Args:
            rows: the keys in the database.
            grace_s: how long a confirmed key works without it.
            clock: seconds that only go forward.
            now: the moment, in UTC.
        """
        self._rows = rows
        self._grace_s = grace_s
        self._clock = clock
        self._now = now
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._asking: dict[str, asyncio.Task[_Entry | None]] = {}
        self._strangers = asyncio.Semaphore(STRANGERS_AT_ONCE)
        self._made: bool | None = None
        self._made_until = 0.0
        self._asking_made: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def is_known(self) -> bool:
        """Whether there are keys was found out."""
        return self._made is not None

    def recall(self, keys: Mapping[str, ApiKey], age_s: float) -> None:
        """Take what the database said before this process began.

        Args:
            keys: by the hash of their secret.
            age_s: how long ago it said so.
        """
        said_at = self._clock() - age_s
        for digest, key in keys.items():
            self._made = True
            self._keep(digest, _Entry(key, _caller(key), said_at, fresh_until=said_at))

    async def caller(self, secret: str | None) -> Caller:
        """Who holds the secret; everybody while no key was ever made.

        Args:
            secret: as it came; None when none did.

        Raises:
            Unauthorized: no key, or none that is good.
            StoreUnavailable: only the database knows, and it is away.
        """
        if secret is not None and _SECRET.fullmatch(secret):
            try:
                entry = await self._entry(secret_hash(secret))
            except StoreUnavailable:
                if self._made is False:
                    return ANYBODY
                raise
            if entry.caller is not None and entry.key and entry.key.is_good(self._now()):
                self._touch(entry, entry.key)
                return entry.caller
        if await self.is_open():
            return ANYBODY
        if secret is None:
            raise Unauthorized(
                "This needs an API key: send it as `Authorization: Bearer` or `X-API-Key`."
            )
        raise Unauthorized("The API key is unknown, revoked or expired.")

    async def is_open(self) -> bool:
        """No key was ever made; one that is revoked counts, or the last one would open the door.

        Raises:
            StoreUnavailable: it is not known, and the database is away.
        """
        if self._made:
            return False
        if self._made is None or self._clock() >= self._made_until:
            if self._asking_made is None:
                self._asking_made = self._begin(self._ask_made())
            patience = LOOKUP_S if self._made is None else STALE_WAIT_S
            await asyncio.wait({self._asking_made}, timeout=patience)
            # Where the database hangs, one request in a while waits for it, not each.
            self._made_until = self._clock() + FRESH_S
        if self._made is None:
            raise StoreUnavailable(
                "The database cannot be reached, and only it knows whether there are API keys.",
                retry_after_s=FRESH_S,
            )
        return not self._made

    def forget(self) -> None:
        """Ask the database again at the next use of each key, because keys have changed."""
        self._entries.clear()
        self._asking.clear()
        self._made_until = 0.0

    async def close(self) -> None:
        """End what goes on in the background."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _entry(self, digest: str) -> _Entry:
        entry = self._entries.get(digest)
        moment = self._clock()
        if entry is not None and (moment < entry.fresh_until or entry.is_revoked):
            return entry
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = self._begin(self._ask(digest, entry))
        is_usable = (
            entry is not None
            and entry.caller is not None
            and moment < entry.said_at + self._grace_s
        )
        await asyncio.wait({task}, timeout=STALE_WAIT_S if is_usable else LOOKUP_S)
        found = task.result() if task.done() and not task.cancelled() else None
        if found is not None:
            return found
        if entry is not None and is_usable:
            entry.fresh_until = self._clock() + FRESH_S
            return entry
        raise StoreUnavailable(
            "The database cannot be reached, and only it knows whether the API key is good.",
            retry_after_s=FRESH_S,
        )

    async def _ask(self, digest: str, before: _Entry | None) -> _Entry | None:
        """What the database says now; None when it is away."""
        is_stranger = before is None or before.key is None
        try:
            if is_stranger:
                async with self._strangers:
                    key = await self._rows.find(digest)
            else:
                key = await self._rows.find(digest)
        except MaoOCRError:
            return None
        finally:
            if self._asking.get(digest) is asyncio.current_task():
                del self._asking[digest]
        if key is not None:
            self._made = True
        moment = self._clock()
        entry = _Entry(key, _caller(key), moment, moment + FRESH_S)
        if before is not None:
            entry.touch_after = before.touch_after
        self._keep(digest, entry)
        return entry

    def _keep(self, digest: str, entry: _Entry) -> None:
        self._entries[digest] = entry
        self._entries.move_to_end(digest)
        if len(self._entries) > MOST_ENTRIES:
            self._entries.popitem(last=False)

    async def _ask_made(self) -> None:
        try:
            self._made = await self._rows.were_made()
        except MaoOCRError:
            log.debug("whether there are keys is not known")
        finally:
            self._asking_made = None

    def _touch(self, entry: _Entry, key: ApiKey) -> None:
        moment = self._clock()
        if moment >= entry.touch_after:
            entry.touch_after = moment + TOUCH_EVERY_S
            self._begin(self._write_touch(key.id))

    async def _write_touch(self, key_id: str) -> None:
        try:
            await self._rows.touch(key_id, self._now())
        except MaoOCRError:
            log.debug("the last use of a key is not written", extra={"key": key_id})

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a look at the keys failed", exc_info=task.exception())


def _caller(key: ApiKey | None) -> Caller | None:
    if key is None or key.revoked_at is not None:
        return None
    return Caller(
        owner=key.id,
        name=key.name,
        scopes=key.scopes,
        is_open=False,
        rate_per_minute=key.rate_per_minute,
        pages_per_month=key.pages_per_month,
    )
