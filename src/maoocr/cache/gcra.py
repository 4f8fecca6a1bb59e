"""How fast a key may ask: the generic cell rate algorithm, in whole microseconds.

A key has a debt: the time that it takes to work off what it asked for. It may ask as long as its
debt stays within a minute's worth. All that is kept is the moment at which the debt is worked off
(the theoretical arrival time of ITU-T I.371).
"""

from dataclasses import dataclass

__all__ = ["MINUTE_US", "RateState", "charge", "interval_us", "state_of"]

MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class RateState:
    """What became of one request for room.

    Attributes:
        limit: requests per minute.
        remaining: how many more would be allowed now.
        reset_s: seconds until all of the limit is there again.
        retry_after_s: seconds after which the same request would be allowed; 0 when it was.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_s: float
    retry_after_s: float


def interval_us(per_minute: int) -> int:
    """What one request costs, in microseconds of debt.

    Raises:
        ValueError: a limit below 1, or so high that a request would cost nothing.
    """
    if not 1 <= per_minute <= MINUTE_US:
        raise ValueError(f"A rate of {per_minute} per minute is not between 1 and {MINUTE_US}.")
    return MINUTE_US // per_minute


def charge(debt_us: int, per_minute: int, cost: int) -> tuple[bool, int]:
    """Whether a request is allowed, and the debt after it.

    Args:
        debt_us: of the key before the request, 0 or more.
        per_minute: the limit.
        cost: in requests; one over the limit counts as all of it, else it never could be allowed.
    """
    interval = interval_us(per_minute)
    after = debt_us + min(cost, per_minute) * interval
    if after > per_minute * interval:
        return False, debt_us
    return True, after


def state_of(allowed: bool, debt_us: int, per_minute: int, cost: int) -> RateState:
    """What to tell the caller.

    Args:
        allowed: what `charge` said.
        debt_us: of the key after the request.
        per_minute: the limit.
        cost: of the request.
    """
    interval = interval_us(per_minute)
    room = per_minute * interval - debt_us
    wait = 0 if allowed else max(min(cost, per_minute) * interval - room, 0)
    return RateState(allowed, per_minute, max(room // interval, 0), debt_us / 1e6, wait / 1e6)
