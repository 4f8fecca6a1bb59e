"""Rates per minute and totals per month of one process."""

import datetime
import time
from collections.abc import Callable

from .gcra import RateState, charge, state_of

__all__ = ["MemoryRates", "this_month"]

SWEEP_AT = 10_000
"""Keys after which those without a debt are dropped."""


def this_month() -> str:
    """The month of quotas, in UTC, such as `2026-01`."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m")


class MemoryRates:
    """Counts in this process alone."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        month: Callable[[], str] = this_month,
    ) -> None:
        self._clock = clock
        self._month = month
        self._arrivals: dict[str, int] = {}
        """By key: the moment at which its debt is worked off, in microseconds of the clock."""
        self._totals: dict[str, int] = {}
        self._totals_of = ""
        self._sweep_at = SWEEP_AT

    async def take(self, key: str, per_minute: int, cost: int = 1) -> RateState:
        """Ask for room.

        Args:
            key: whose rate it is.
            per_minute: the limit, 1 or more.
            cost: in requests.
        """
        now = int(self._clock() * 1e6)
        debt = max(self._arrivals.get(key, now) - now, 0)
        allowed, debt = charge(debt, per_minute, cost)
        self._arrivals[key] = now + debt
        self._sweep(now)
        return state_of(allowed, debt, per_minute, cost)

    async def add(self, key: str, amount: int) -> int:
        """Add to the total of this month; gives the total after it."""
        totals = self._of_this_month()
        totals[key] = totals.get(key, 0) + amount
        return totals[key]

    async def total(self, key: str) -> int:
        """The total of this month."""
        return self._of_this_month().get(key, 0)

    def _of_this_month(self) -> dict[str, int]:
        month = self._month()
        if month != self._totals_of:
            self._totals_of, self._totals = month, {}
        return self._totals

    def _sweep(self, now: int) -> None:
        if len(self._arrivals) < self._sweep_at:
            return
        self._arrivals = {key: at for key, at in self._arrivals.items() if at > now}
        self._sweep_at = max(SWEEP_AT, 2 * len(self._arrivals))
