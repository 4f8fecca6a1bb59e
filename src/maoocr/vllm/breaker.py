"""Leaves an endpoint alone that keeps failing; finds out with one call when it is well again."""

from collections import deque
from typing import Literal

__all__ = ["MOST_COOLDOWNS", "Breaker", "BreakerState"]

BreakerState = Literal["closed", "open", "half_open"]

MOST_COOLDOWNS = 12
"""The cooldown doubles with each probe that fails, up to so many times the first one."""
REMEMBERED = 64


class Breaker:
    """Closed while all is well; open for a cooldown after failures; then half-open for one call.

    Knows no clock: each question says when it is asked, in seconds of one that never goes back.
    """

    def __init__(self, failures: int, window_s: float, cooldown_s: float) -> None:
        """Begin closed.

        Args:
            failures: in a row, or half of the calls and twice as many, that open it.
            window_s: seconds for which an outcome counts.
            cooldown_s: seconds that it stays open at first.
        """
        self._failures = failures
        self._window_s = window_s
        self._first_cooldown_s = self._cooldown_s = cooldown_s
        self._outcomes: deque[tuple[float, bool]] = deque(maxlen=max(REMEMBERED, failures))
        self._open_until: float | None = None
        self._probe: int | None = None
        self._calls = 0
        self.reason = ""
        """Why it is not closed, as a sentence."""

    def state(self, now: float) -> BreakerState:
        """What it is now."""
        if self._open_until is None:
            return "closed"
        return "open" if now < self._open_until else "half_open"

    def may_call(self, now: float) -> bool:
        """Whether a call may begin; half-open, one at a time."""
        state = self.state(now)
        return state == "closed" or (state == "half_open" and self._probe is None)

    def wait_s(self, now: float) -> float:
        """Seconds until a call may begin, as far as time alone can tell."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - now)

    def begin(self, now: float) -> int:
        """A call begins; the number is to be given with its outcome."""
        self._calls += 1
        if self.state(now) == "half_open":
            self._probe = self._calls
        return self._calls

    def succeeded(self, call: int, now: float) -> None:
        """The endpoint did what it should."""
        if call == self._probe:
            self.close()
        elif self._open_until is None:
            self._outcomes.append((now, True))

    def failed(self, call: int, now: float, reason: str) -> bool:
        """The endpoint failed; True when that opened the breaker."""
        if call == self._probe:
            self._cooldown_s = min(2 * self._cooldown_s, MOST_COOLDOWNS * self._first_cooldown_s)
            self.trip(now, self._cooldown_s, reason)
            return True
        # What began before it opened says nothing about what comes after.
        if self._open_until is not None:
            return False
        self._outcomes.append((now, False))
        if not self._is_enough(now):
            return False
        self.trip(now, self._cooldown_s, reason)
        return True

    def left(self, call: int) -> None:
        """The caller left, or the failure was his own: nothing was learnt."""
        if call == self._probe:
            self._probe = None

    def trip(self, now: float, for_s: float, reason: str) -> None:
        """Open it, whatever the outcomes were."""
        self._open_until = now + for_s
        self._probe = None
        self._outcomes.clear()
        self.reason = reason

    def close(self) -> None:
        """Close it: the endpoint is another one now, as after a restart."""
        self._open_until = self._probe = None
        self._cooldown_s = self._first_cooldown_s
        self.reason = ""

    def _is_enough(self, now: float) -> bool:
        recent = [is_good for at, is_good in self._outcomes if now - at <= self._window_s]
        if len(recent) >= self._failures and not any(recent[-self._failures :]):
            return True
        bad = recent.count(False)
        return bad >= 2 * self._failures and 2 * bad >= len(recent)
