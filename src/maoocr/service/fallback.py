"""The engines of a plan, one behind the other: the next one reads what one of them fails at."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..domain import PageResult, Selection, Spent
from ..errors import EngineError, EngineUnavailable, MaoOCRError, Overloaded
from ..pool import PageTask
from .cascade import together
from .ports import Admission, EngineCard
from .second_reading import MARGIN_S, read_with_places, read_with_second

__all__ = ["may_follow", "prices_of", "read_page"]

_FAULTS = frozenset({"truncated", "repetition", "unsupported", "incomplete"})


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
        The page, with the flag `fallback` where another engine than the chosen one read it. One
        that is faulty, and says so, only where no engine of the plan reads it better.

    Raises:
        MaoOCRError: why the chosen engine could not read it, when no fallback could either.
    """
    failure: MaoOCRError | None = None
    faulty: PageResult | None = None
    spent: Spent | None = None
    for engine in (selection.engine, *selection.fallbacks):
        if not may_follow(engine, failure, selection, prices):
            continue
        try:
            page = await _read(engine, task, selection, admission_of)
        except (EngineError, Overloaded) as error:
            if failure is None or (error.retryable and not failure.retryable):
                failure = error
            continue
        spent = together(spent, page.spent)
        if not _is_faulty(page):
            page = replace(page, spent=spent)
            if engine != selection.engine or not selection.second:
                return page
            return await read_with_second(page, task, selection, admission_of, until - MARGIN_S)
        faulty = faulty or page
    if faulty is not None:
        return replace(faulty, spent=spent)
    raise failure or EngineUnavailable(f"The engine {selection.engine} cannot read this page.")


async def _read(
    engine: str, task: PageTask, selection: Selection, admission_of: Callable[[str], Admission]
) -> PageResult:
    if engine != selection.engine:
        return _flagged(await admission_of(engine).read(task))
    if selection.support:
        return await read_with_places(task, selection, admission_of)
    return await admission_of(engine).read(task)


def _is_faulty(page: PageResult) -> bool:
    """Text is wrong or missing, so that another engine is asked if there is one."""
    return bool(_FAULTS.intersection(page.flags)) or ("malformed" in page.flags and not page.lines)


def may_follow(
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
