"""Money that an endpoint may cost in one UTC day."""

from collections.abc import Callable
from datetime import UTC, date, datetime

__all__ = ["Budget", "utc_day"]


def utc_day() -> date:
    """The present day."""
    return datetime.now(UTC).date()


class Budget:
    """Counts what was spent today; one process knows only of its own, and of what it was told."""

    def __init__(self, daily: float | None, today: Callable[[], date] = utc_day) -> None:
        """Begin with nothing spent.

        Args:
            daily: money of one day; None is no limit.
            today: the day that it is.
        """
        self.daily = daily
        self._today = today
        self._day = today()
        self._spent = 0.0

    @property
    def spent(self) -> float:
        """Money spent today."""
        if self._day != self._today():
            self._day, self._spent = self._today(), 0.0
        return self._spent

    @property
    def is_exhausted(self) -> bool:
        """No further call may be made today."""
        return self.daily is not None and self.spent >= self.daily

    def spend(self, money: float) -> None:
        """Count what a call cost."""
        self._spent = self.spent + money

    def told(self, spent: float) -> None:
        """Learn what all processes together spent today, from a ledger."""
        self._spent = max(self.spent, spent)
