"""Lanes in this process, for a real pool: each engine reads, fails or waits as the test says."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from maoocr.domain import PageFlag, PageResult, TextLine
from maoocr.engines.base import EngineInfo, EngineSpec
from maoocr.errors import MaoOCRError
from maoocr.pool import PageTask, Pool
from maoocr.pool.lanes import Lane, LaneEnd, LaneNotStarted, LaneVitals, OnPage
from maoocr.settings import PoolSettings, Settings
from maoocr.telemetry.metrics import Metrics

__all__ = ["Orders", "pool_of"]

BOX = ((0.0, 0.0), (90.0, 0.0), (90.0, 9.0), (0.0, 9.0))

Outcome = MaoOCRError | Exception | None
"""What a page comes to: an error of the page, something that the lane dies of, or its text."""


@dataclass
class Orders:
    """What the engines of a test do, and what they did.

    Attributes:
        absent: engines that cannot be started.
        outcome: of a page at an engine; None reads it.
        text: that an engine reads on a page; nothing where it is empty.
        flags: of that page.
        read: engine and page of each call, in order.
    """

    absent: set[str] = field(default_factory=set)
    outcome: Callable[[str, int], Outcome] = lambda engine, page: None
    text: Callable[[str, int], str] = lambda engine, page: f"{engine} {page}"
    flags: Callable[[str, int], tuple[PageFlag, ...]] = lambda engine, page: ()
    read: list[tuple[str, int]] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class ObedientLane:
    """Does what it is told; see the module."""

    pid = None

    def __init__(self, engine: str, orders: Orders) -> None:
        self._engine = engine
        self._orders = orders
        self._end: asyncio.Future[LaneEnd] = asyncio.get_running_loop().create_future()

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(self._engine, f"{self._engine}-1")

    async def read(self, tasks: Sequence[PageTask], on_page: OnPage) -> LaneVitals:
        for index, task in enumerate(tasks):
            self._orders.read.append((self._engine, task.page))
            self._orders.begun.set()
            if (gate := self._orders.gates.get(self._engine)) is not None:
                await gate.wait()
            outcome = self._orders.outcome(self._engine, task.page)
            if isinstance(outcome, MaoOCRError):
                on_page(index, outcome)
            elif outcome is not None:
                self.kill("crash")
                raise outcome
            else:
                on_page(index, self._page(task.page))
        return LaneVitals()

    def _page(self, number: int) -> PageResult:
        text = self._orders.text(self._engine, number)
        return PageResult(
            number,
            100,
            100,
            engine=self._engine,
            lines=(TextLine(text, 0.9, BOX, self._engine),) if text else (),
            flags=self._orders.flags(self._engine, number),
            recognize_s=0.25,
        )

    def share(self, threads: int) -> None: ...

    def cancel(self, index: int) -> None: ...

    def stop(self, end: LaneEnd) -> None:
        self.kill(end)

    def kill(self, end: LaneEnd) -> None:
        if not self._end.done():
            self._end.set_result(end)
            self._orders.ended.set()

    async def gone(self) -> LaneEnd:
        return await asyncio.shield(self._end)


def pool_of(orders: Orders, *engines: str, **settings: object) -> Pool:
    """A pool with one lane for each engine, to be started and closed by the test."""

    async def launch(spec: EngineSpec, slot: int) -> Lane:
        if spec.name in orders.absent:
            raise LaneNotStarted("no file /models/x", reason="The models are missing.")
        return ObedientLane(spec.name, orders)

    told = Settings(_env_file=None, pool=PoolSettings(lanes=1, **settings))
    specs = [EngineSpec(name, ".none:None") for name in engines]
    return Pool(specs, told, Path(), Metrics(CollectorRegistry()), launch=launch)
