"""The first look at a page: what it turns out to be decides who reads it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from ..domain import PageResult, Selection
from ..errors import EngineError, Overloaded
from ..pool import PageTask
from .by_type import TypePlans
from .cascade import together
from .fallback import read_page
from .ports import Admission

__all__ = ["read_by_type"]


async def read_by_type(
    task: PageTask,
    selection: Selection,
    by_type: TypePlans,
    prices: Mapping[str, float],
    admission_of: Callable[[str], Admission],
    until: float = math.inf,
) -> PageResult:
    """Read a page by the plan for what is on it.

    Args:
        task: the page.
        selection: the plan for a page of which nothing is known.
        by_type: the plans for what it may turn out to be.
        prices: money for a page by engine; see `read_page`.
        admission_of: room in the pool for an engine; raises what the pool raises.
        until: moment of `time.monotonic()` by which the answer is wanted.

    Returns:
        The page, with its type where that changed the plan.

    Raises:
        MaoOCRError: of `read_page`.
    """
    if not by_type:
        return await read_page(task, selection, prices, admission_of, until)
    look = _Look()
    first = await look.begin(task, by_type.scout, admission_of)
    kind = by_type.type_of(first) if first is not None else "auto"
    plan = by_type.plans[kind] if kind != "auto" else selection

    def admission(engine: str) -> Admission:
        return look if engine == by_type.scout else admission_of(engine)

    page = await read_page(task, plan, prices, admission, until)
    if kind == "auto" or first is None:
        return page
    if page.engine != by_type.scout and not plan.support:
        page = _with_effort(page, first)
    return replace(page, document_type=kind)


class _Look:
    """Room at the engine that has read the page already: it gives the same again."""

    def __init__(self) -> None:
        self._page: PageResult | None = None
        self._failure: EngineError | Overloaded | None = None

    async def begin(
        self, task: PageTask, scout: str, admission_of: Callable[[str], Admission]
    ) -> PageResult | None:
        """Read it; None where it fails, which is then told to whoever asks for the page.

        Raises:
            MaoOCRError: nobody could read it.
        """
        structured = replace(task, options=replace(task.options, structure=True))
        try:
            self._page = await admission_of(scout).read(structured)
        except (EngineError, Overloaded) as error:
            self._failure = error
        return self._page

    async def read(self, task: PageTask) -> PageResult:
        """The page; see `Admission`."""
        if self._page is None:
            assert self._failure is not None
            # A new one: what is raised twice would carry the traces of both.
            known = self._failure
            raise type(known)(known.message, retry_after_s=known.retry_after_s)
        return self._page if task.options.structure else replace(self._page, blocks=())


def _with_effort(page: PageResult, first: PageResult) -> PageResult:
    """The page with what the first look at it took and cost."""
    return replace(
        page,
        queue_s=page.queue_s + first.queue_s,
        decode_s=page.decode_s + first.decode_s,
        recognize_s=page.recognize_s + first.recognize_s,
        spent=together(first.spent, page.spent),
    )
