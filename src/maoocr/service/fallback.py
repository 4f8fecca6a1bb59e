"""The engines of a plan, one behind the other: the next one reads what one of them fails at."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import reduce
from types import TracebackType
from typing import Self

from ..domain import PageResult, Selection, Spent
from ..errors import EngineError, EngineFault, EngineUnavailable, MaoOCRError, Overloaded
from ..pool import PageTask
from .cascade import together
from .ports import Admission, EngineCard, PagePool
from .second_reading import MARGIN_S, read_with_places, read_with_second

__all__ = ["Readers", "fallback_reasons", "prices_of", "read_page"]

_REFUSALS = (EngineUnavailable, Overloaded)
_FAULTS = frozenset({"truncated", "repetition", "unsupported"})
"""Of a page, for which another engine is asked if there is one."""


def prices_of(cards: Sequence[EngineCard]) -> dict[str, float]:
    """Money for a page, by engine."""
    return {card.name: card.profile.cost_per_page for card in cards}


async def read_page(
    task: PageTask,
    selection: Selection,
    prices: Mapping[str, float],
    admission_of: Callable[[str], Admission],
    until: float = math.inf,
) -> PageResult:
    """Read a page as the plan says: one engine or two, or else the fallbacks in their order.

    Args:
        task: the page.
        selection: the plan. Nobody reads whom it does not name.
        prices: money for a page by engine; a full queue is no reason to pay more.
        admission_of: room in the pool for an engine; raises what the pool raises.
        until: moment of `time.monotonic()` by which the answer is wanted.

    Returns:
        The page, with the flag `fallback` where another engine than the chosen one read it.

    Raises:
        MaoOCRError: why the chosen engine could not read it, when no fallback could either.
    """
    failure: MaoOCRError | None = None
    wasted: list[Spent | None] = []
    for engine in (selection.engine, *selection.fallbacks):
        if not _may_follow(engine, failure, selection, prices):
            continue
        try:
            if engine == selection.engine:
                return await _chosen(task, selection, admission_of, until, wasted)
            page = _flagged(await admission_of(engine).read(task))
            return replace(page, spent=reduce(together, wasted, page.spent))
        except (EngineError, Overloaded) as error:
            if failure is None or (error.retryable and not failure.retryable):
                failure = error
    raise failure or EngineUnavailable(f"The engine {selection.engine} cannot read this page.")


async def _chosen(
    task: PageTask,
    selection: Selection,
    admission_of: Callable[[str], Admission],
    until: float,
    wasted: list[Spent | None],
) -> PageResult:
    if selection.support:
        page = await read_with_places(task, selection, admission_of)
    else:
        page = await admission_of(selection.engine).read(task)
    if selection.fallbacks and _FAULTS.intersection(page.flags):
        wasted.append(page.spent)
        faults = " and ".join(flag for flag in page.flags if flag in _FAULTS)
        raise EngineFault(f"What {selection.engine} read of this page is {faults}.")
    if not selection.second:
        return page
    return await read_with_second(page, task, selection, admission_of, until - MARGIN_S)


class Readers:
    """Room for one document at the engines of its plan; a context manager that gives it back.

    Room is taken at the first engine that has it. At the others it is taken when they are needed.
    """

    def __init__(
        self,
        pool: PagePool,
        selection: Selection,
        prices: Mapping[str, float],
        pages: int,
        *,
        client: str,
        deadline: float,
    ) -> None:
        """Take nothing yet; see `PagePool.admit` and `read_page`."""
        self._pool = pool
        self._selection = selection
        self._prices = prices
        self._pages_left = pages
        self._client = client
        self._deadline = deadline
        self._stack = ExitStack()
        self._open: dict[str, Admission] = {}
        self._refused: dict[str, MaoOCRError] = {}

    def __enter__(self) -> Self:
        """Take room for all pages.

        Raises:
            MaoOCRError: what the chosen engine's pool says, when no fallback has room either.
        """
        failure: MaoOCRError | None = None
        for engine in (self._selection.engine, *self._selection.fallbacks):
            if not _may_follow(engine, failure, self._selection, self._prices):
                continue
            try:
                self._admission(engine)
            except _REFUSALS as error:
                failure = failure or error
                continue
            return self
        raise failure or EngineUnavailable(f"The engine {self._selection.engine} takes nothing.")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    async def read(self, task: PageTask) -> PageResult:
        """Read one page; see `read_page`."""
        try:
            return await read_page(
                task, self._selection, self._prices, self._admission, self._deadline
            )
        finally:
            self._pages_left = max(1, self._pages_left - 1)

    def _admission(self, engine: str) -> Admission:
        if engine in self._refused:
            # A new one: what is raised twice would carry the traces of both.
            known = self._refused[engine]
            raise type(known)(known.message, retry_after_s=known.retry_after_s)
        if engine not in self._open:
            try:
                room = self._pool.admit(
                    engine, self._pages_left, client=self._client, deadline=self._deadline
                )
                self._open[engine] = self._stack.enter_context(room)
            except _REFUSALS as error:
                self._refused[engine] = error
                raise
        return self._open[engine]


def fallback_reasons(selection: Selection, pages: tuple[PageResult, ...]) -> tuple[str, ...]:
    """Who read what the chosen engine could not, as sentences; empty where it read everything."""
    numbers: dict[str, list[int]] = {}
    for page in pages:
        if "fallback" in page.flags and page.engine != selection.engine:
            numbers.setdefault(page.engine, []).append(page.number)
    return tuple(
        f"{selection.engine} could not read {_pages(found, len(pages))}; {engine} did instead."
        for engine, found in numbers.items()
    )


def _pages(numbers: list[int], all_: int) -> str:
    if len(numbers) == all_:
        return "the document"
    if len(numbers) == 1:
        return f"page {numbers[0]}"
    shown = ", ".join(map(str, numbers[:5]))
    return f"pages {shown}" + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")


def _may_follow(
    engine: str, failure: MaoOCRError | None, selection: Selection, prices: Mapping[str, float]
) -> bool:
    """Whether an engine may read what failed so; after a full queue only one that costs no more."""
    if not isinstance(failure, Overloaded):
        return True
    return prices.get(engine, 0.0) <= prices.get(selection.engine, 0.0)


def _flagged(page: PageResult) -> PageResult:
    if page.source == "text_layer" or "fallback" in page.flags:
        # The text of a page's own layer is the same whoever takes it out.
        return page
    return replace(page, flags=(*page.flags, "fallback"))
