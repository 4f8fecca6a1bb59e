"""Whether a key still has pages this month, as the table of usage tells."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ..errors import MaoOCRError, QuotaExceeded
from .callers import Caller
from .ports import UsageRows

__all__ = ["Quota"]

FRESH_S = 2.0
LOOKUP_S = 2.0
MOST_OWNERS = 4096


@dataclass(frozen=True, slots=True)
class _Used:
    pages: int
    month: date
    fresh_until: float


class Quota:
    """Pages of the month by owner, from memory for some seconds."""

    def __init__(
        self,
        rows: UsageRows,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._rows = rows
        self._clock = clock
        self._now = now
        self._used: OrderedDict[str, _Used] = OrderedDict()

    async def require_pages(self, caller: Caller) -> None:
        """Let a document pass while the month has pages left, the last one whole.

        With the database away the last known number counts: nobody is refused for its sake.

        Raises:
            QuotaExceeded: none is left; says when the next month begins.
        """
        limit = caller.pages_per_month
        if limit is None:
            return
        now = self._now()
        used = await self._pages(caller.owner, now.date().replace(day=1))
        if used >= limit:
            ahead = _next_month(now) - now
            raise QuotaExceeded(
                f"The API key has read {used} pages this month, and its limit is {limit}"
                " (pages_per_month of the key).",
                retry_after_s=ahead.total_seconds(),
            )

    async def _pages(self, owner: str, month: date) -> int:
        used = self._used.get(owner)
        if used is not None and used.month == month and self._clock() < used.fresh_until:
            return used.pages
        try:
            async with asyncio.timeout(LOOKUP_S):
                pages = await self._rows.pages(owner, month, self._now().date())
        except (MaoOCRError, TimeoutError):
            pages = used.pages if used is not None and used.month == month else 0
        self._used[owner] = _Used(pages, month, self._clock() + FRESH_S)
        self._used.move_to_end(owner)
        if len(self._used) > MOST_OWNERS:
            self._used.popitem(last=False)
        return pages


def _next_month(now: datetime) -> datetime:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)
