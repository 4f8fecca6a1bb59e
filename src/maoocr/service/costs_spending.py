"""Budgets that hold over replicas and restarts.

Each process writes what it spent itself, in all, into a row of its own, and reads those of the
others: at its start, each minute, and a second after it spent anything. Where replicas share a
Redis they also tell each other after each call. So a budget is passed by at most one call for each
slot of all replicas, and by what the others spent in the second before. With the database away each
knows what it heard; what was spent then is written when it is back.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime
from typing import Protocol

import msgspec

from ..errors import MaoOCRError
from ..store.ids import new_id
from ..store.ledger import Paid, SpendingRow
from ..telemetry.metrics import Metrics
from .ports import Wire

__all__ = ["Purse", "Spendings"]

log = logging.getLogger("maoocr.costs")

TOPIC = "spending"
EVERY_S = 60.0
GATHER_S = 1.0
"""What is spent meanwhile is written with it."""
LAST_S = 2.0
"""That an end waits for its last words to be written."""


class _Spent(Protocol):
    @property
    def calls(self) -> int: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def cost_nano(self) -> int: ...


class Purse(Protocol):
    """The budget of one endpoint, as this process knows it."""

    daily: float | None

    @property
    def left(self) -> float | None: ...
    @property
    def own(self) -> Mapping[date, _Spent]: ...
    def on_spending(self, listener: Callable[[], None]) -> None: ...
    def told(self, day: date, writer: str, cost_nano: int) -> None: ...


class SpendingRows(Protocol):
    """Rows of all processes; each call may raise `StoreUnavailable`."""

    async def wait_ready(self) -> None: ...
    async def spending_of(self, day: date, endpoints: list[str]) -> list[SpendingRow]: ...
    async def write_spending(self, rows: list[SpendingRow]) -> None: ...


class _Word(msgspec.Struct, array_like=True):
    """What a process tells of itself."""

    writer: str
    day: date
    endpoint: str
    cost_nano: int


class Spendings:
    """Keeps the budgets of one process and those of the others in step."""

    def __init__(
        self,
        purses: Mapping[str, Purse],
        rows: SpendingRows,
        wire: Wire,
        metrics: Metrics,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        """Make it.

        Args:
            purses: by endpoint.
            rows: where all write.
            wire: between replicas.
            metrics: for what is left.
            today: the day that it is, in UTC.
        """
        self._purses = purses
        self._limited = [name for name, purse in purses.items() if purse.daily is not None]
        self._rows = rows
        self._wire = wire
        self._metrics = metrics
        self._today = today
        self._writer = new_id()
        self._written: dict[tuple[str, date], Paid] = {}
        self._told: dict[str, int] = {}
        self._stir = asyncio.Event()
        self._news = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Learn what was spent before the first call is made; keep in step until the end."""
        if not self._purses:
            yield
            return
        for purse in self._purses.values():
            purse.on_spending(self._note)
        try:
            await self.sync()
        except MaoOCRError as error:
            log.warning("what was spent today is not known", extra={"reason": error.message})
        tasks = [asyncio.create_task(work()) for work in (self._keep, self._tell, self._hear)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            with suppress(MaoOCRError, TimeoutError):
                async with asyncio.timeout(LAST_S):
                    await self.sync()

    async def sync(self) -> None:
        """Write what this process spent and learn what the others did.

        Raises:
            StoreUnavailable: the database is away.
            StorageFull: there is no room.
        """
        new = {
            (name, day): Paid(spent.calls, spent.input_tokens, spent.output_tokens, spent.cost_nano)
            for name, purse in self._purses.items()
            for day, spent in purse.own.items()
        }
        rows = [
            SpendingRow(day, name, self._writer, paid)
            for (name, day), paid in sorted(new.items())
            if self._written.get((name, day)) != paid
        ]
        if rows:
            await self._rows.write_spending(rows)
            self._written = new
        if self._limited:
            for row in await self._rows.spending_of(self._today(), self._limited):
                self._learn(row.writer, row.day, row.endpoint, row.paid.cost_nano)
        self._show()

    def _note(self) -> None:
        self._stir.set()
        if self._limited:
            self._news.set()

    def _learn(self, writer: str, day: date, endpoint: str, cost_nano: int) -> None:
        purse = self._purses.get(endpoint)
        if purse is not None and writer != self._writer:
            purse.told(day, writer, cost_nano)

    def _show(self) -> None:
        for name in self._limited:
            self._metrics.budget_left.labels(name).set(self._purses[name].left or 0.0)
            self._metrics.budget_daily.labels(name).set(self._purses[name].daily or 0.0)

    async def _keep(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._stir.wait()
            await asyncio.sleep(GATHER_S)
            self._stir.clear()
            try:
                await self.sync()
            except MaoOCRError as error:
                log.warning("what was spent is not written", extra={"reason": error.message})
                self._stir.set()
                await self._rows.wait_ready()
            except Exception:
                log.exception("what was spent cannot be written")

    async def _tell(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            self._show()
            day = self._today()
            for name in self._limited:
                spent = self._purses[name].own.get(day)
                if spent is not None and self._told.get(name) != spent.cost_nano:
                    self._told[name] = spent.cost_nano
                    word = _Word(self._writer, day, name, spent.cost_nano)
                    await self._wire.publish(TOPIC, _encoder.encode(word))

    async def _hear(self) -> None:
        async with self._wire.subscribe(TOPIC) as messages:
            async for message in messages:
                if message is None:
                    self._stir.set()
                    continue
                try:
                    word = _decoder.decode(message)
                except msgspec.DecodeError:
                    # Of another version of the service: the rows tell it too.
                    continue
                self._learn(word.writer, word.day, word.endpoint, word.cost_nano)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Word)
