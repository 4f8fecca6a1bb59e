"""One request, ready to be carried out: its pages, its engine, its place in the cache."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ..domain import OcrOptions, Requirements
from ..settings import LimitSettings
from .by_type import type_plans
from .fallback import prices_of
from .options import with_requirements
from .ports import Document, EngineDirectory
from .reading import PageReading, Plan
from .result_keys import plan_key
from .selector import select
from .waking import asleep_but_wanted

__all__ = ["Planner"]


class Planner:
    """Makes the plans of a recognizer."""

    def __init__(
        self,
        engines: EngineDirectory,
        reading: PageReading,
        limits: LimitSettings,
        clock: Callable[[], float],
    ) -> None:
        self._engines = engines
        self._reading = reading
        self._limits = limits
        self._clock = clock

    async def plan(
        self,
        document: Document,
        options: OcrOptions,
        requirements: Requirements | None,
        engine: str | None,
        client: str,
        *,
        is_cached: bool,
    ) -> Plan:
        """Choose the engine; the pages are looked at first where money or time depend on them.

        Args:
            document: to be read.
            options: what changes the answer.
            requirements: what the caller needs, if he said so.
            engine: that he asks for by name, if any.
            client: whose request it is.
            is_cached: the answer may be taken from the cache and kept there.

        Raises:
            MaoOCRError: of `select`, and of counting the pages.
        """
        deadline = self._clock() + self._limits.request_seconds
        options = with_requirements(options, requirements)
        counted = None
        takes_time = requirements is not None and requirements.max_seconds is not None
        takes_money = requirements is not None and requirements.max_cost is not None
        if takes_time or (takes_money and document.kind.paged):
            await document.keep()
            counted = await self._reading.measure(document, options, with_size=takes_time)
        cards = self._engines.cards()
        choose = partial(
            select,
            requirements,
            engine,
            options.language,
            words=options.words,
            pages=len(counted.numbers) if counted else 1,
            pixels=counted.pixels if counted else None,
        )
        selection = choose(cards)
        asleep = asleep_but_wanted(selection, cards, choose)
        if asleep is not None:
            # This request does not wait for it; those that come later find it awake.
            self._engines.wake(asleep)
            told = f"{asleep} is asleep, which this request cannot wait for; it is woken now."
            selection = replace(selection, reasons=(*selection.reasons, told))
        by_type = type_plans(requirements, engine, selection, cards, choose)
        key = plan_key(document.sha256, selection, by_type, cards, options) if is_cached else None
        return Plan(
            document,
            options,
            selection,
            client,
            deadline,
            key,
            requirements,
            prices_of(cards),
            counted,
            by_type,
        )
