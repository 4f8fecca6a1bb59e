"""Money that an endpoint may cost in one UTC day.

A budget counts what this process spent, and is told what others did. Calls that run when it is used
up end and are paid for: it is passed by at most one call for each slot, and by what others spent
since they were last heard of.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

__all__ = ["Budget", "Spending", "utc_day"]

NANO = 1_000_000_000
"""Billionths in one unit of the currency: whole numbers, so that no sum drifts."""

MOST_MONEY = 1e9
"""More than one call can cost; keeps a wrong price from breaking the sums."""

KEPT_DAYS = 62
"""For which a ledger that is away may still ask."""


def utc_day() -> date:
    """The present day."""
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Spending:
    """What this process spent on a day.

    Attributes:
        cost_nano: billionths of the currency.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0


class Budget:
    """What was spent at one endpoint, and what may be."""

    def __init__(self, daily: float | None, today: Callable[[], date] = utc_day) -> None:
        """Begin with nothing spent.

        Args:
            daily: money of one day; None is no limit.
            today: the day that it is.
        """
        self.daily = daily
        self._today = today
        self._own: dict[date, Spending] = {}
        self._others: dict[str, int] = {}
        self._others_day = today()
        self._listeners: list[Callable[[], None]] = []

    @property
    def spent(self) -> float:
        """Money spent today, by this process and, as far as it was told, by others."""
        today = self._today()
        own = self._own.get(today, Spending()).cost_nano
        others = sum(self._others.values()) if self._others_day == today else 0
        return (own + others) / NANO

    @property
    def left(self) -> float | None:
        """Money that may still be spent today; None is no limit."""
        return None if self.daily is None else max(0.0, self.daily - self.spent)

    @property
    def is_exhausted(self) -> bool:
        """No further call may be made today."""
        return self.daily is not None and self.spent >= self.daily

    @property
    def own(self) -> dict[date, Spending]:
        """What this process spent, by day."""
        return dict(self._own)

    def on_spending(self, listener: Callable[[], None]) -> None:
        """Have a function called after each call that was counted."""
        self._listeners.append(listener)

    def spend(self, money: float, input_tokens: int = 0, output_tokens: int = 0) -> None:
        """Count a call and what it cost."""
        today = self._today()
        known = self._own.get(today, Spending())
        self._own[today] = Spending(
            known.calls + 1,
            known.input_tokens + input_tokens,
            known.output_tokens + output_tokens,
            known.cost_nano + round(min(max(money, 0.0), MOST_MONEY) * NANO),
        )
        for day in sorted(self._own)[:-KEPT_DAYS]:
            del self._own[day]
        for listener in self._listeners:
            listener()

    def told(self, day: date, writer: str, cost_nano: int) -> None:
        """Learn what another process spent on a day in all; an older word of it changes nothing."""
        today = self._today()
        if self._others_day != today:
            self._others_day, self._others = today, {}
        if day == today:
            self._others[writer] = max(self._others.get(writer, 0), cost_nano)
