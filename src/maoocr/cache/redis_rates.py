"""Rates per minute and totals per month that replicas share in Redis.

While Redis is away each process counts for itself. What it added to a month's total meanwhile is
added to the shared one afterwards; what was on its way when Redis went may be missing from it.
"""

from collections.abc import Callable

from redis.asyncio import Redis

from .gcra import MINUTE_US, RateState, interval_us, state_of
from .rates import MemoryRates, this_month
from .redis_link import RedisAway, RedisLink

__all__ = ["RedisRates"]

MONTH_KEPT_S = 40 * 86_400
"""After the last addition: longer than a month, so that no total is lost within its own."""

_TAKE = """
local now = tonumber(ARGV[4])
if now < 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local interval, limit, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local debt = math.max(tonumber(redis.call('GET', KEYS[1]) or now) - now, 0)
local after = debt + math.min(cost, limit) * interval
if after > limit * interval then
  return {0, debt}
end
if after > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', now + after), 'PX', math.ceil(after / 1000))
end
return {1, after}
"""
"""`gcra.charge` where the debt lies: atomic, on the one clock of Redis."""


class RedisRates:
    """Counts over all processes that share the Redis."""

    def __init__(
        self,
        link: RedisLink,
        clock_us: Callable[[], int] | None = None,
        month: Callable[[], str] = this_month,
    ) -> None:
        """Take the link.

        Args:
            link: to the Redis.
            clock_us: microseconds; the clock of Redis when left out, which all replicas share.
            month: tells the month of quotas.
        """
        self._link = link
        self._clock_us = clock_us
        self._month = month
        self._alone = MemoryRates(month=month)
        self._known = MemoryRates(month=month)
        """The shared totals as they were last seen."""

    async def take(self, key: str, per_minute: int, cost: int = 1) -> RateState:
        """Ask for room; see `MemoryRates.take`."""
        now = -1 if self._clock_us is None else self._clock_us()
        words = (interval_us(per_minute), per_minute, min(cost, MINUTE_US), now)
        name = f"{self._link.prefix}:rate:{key}"
        try:
            allowed, debt = await self._link.ask(
                "rates", lambda redis: redis.eval(_TAKE, 1, name, *map(str, words))
            )
        except RedisAway:
            return await self._alone.take(key, per_minute, cost)
        return state_of(bool(allowed), int(debt), per_minute, cost)

    async def add(self, key: str, amount: int) -> int:
        """Add to the total of this month; gives the total after it."""
        if not self._link.is_ready:
            return await self._alone.add(key, amount) + await self._known.total(key)
        owed = amount + await self._alone.total(key)
        await self._alone.add(key, amount - owed)
        name = f"{self._link.prefix}:month:{self._month()}:{key}"
        try:
            total = await self._link.ask("rates", lambda redis: _add(redis, name, owed))
        except RedisAway:
            # Nobody knows whether it was done. Once too few is better than once too often.
            total = owed + await self._known.total(key)
        await self._known.add(key, total - await self._known.total(key))
        return total

    async def total(self, key: str) -> int:
        """The total of this month."""
        return await self.add(key, 0)


async def _add(redis: Redis, name: str, amount: int) -> int:
    pipeline = redis.pipeline(transaction=True)
    pipeline.incrby(name, amount)
    pipeline.expire(name, MONTH_KEPT_S)
    return int((await pipeline.execute())[0])
