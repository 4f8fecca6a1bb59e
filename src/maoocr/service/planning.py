"""One request, ready to be carried out: its pages, its engine, its place in the cache."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ..domain import OcrOptions, Requirements, Selection
from ..settings import LimitSettings
from .by_type import TypePlans, type_plans
from .fallback import prices_of
from .options import with_requirements
from .ports import Document, EngineCard, EngineDirectory
from .reading import PageReading, Plan
from .result_keys import plan_key
from .selector import select
from .waking import asleep_but_wanted

__all__ = ["Planner"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """All that the choice of an engine depends on."""

    requirements: Requirements | None
    engine: str | None
    language: str
    words: bool
    pages: int
    pixels: int | None
    cards: Sequence[EngineCard]


@dataclass(frozen=True, slots=True)
class _Choice:
    selection: Selection
    by_type: TypePlans
    asleep: str | None


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
        self._last: tuple[_Asked, _Choice] | None = None

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
        asked = _Asked(
            requirements,
            engine,
            options.language,
            options.words,
            len(counted.numbers) if counted else 1,
            counted.pixels if counted else None,
            cards,
        )
        choice = self._choose(asked)
        if choice.asleep is not None:
            # This request does not wait for it; those that come later find it awake.
            self._engines.wake(choice.asleep)
        selection, by_type = choice.selection, choice.by_type
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

    def _choose(self, asked: _Asked) -> _Choice:
        # Requests that come one after the other mostly ask for the same, of the same engines.
        if self._last is None or self._last[0] != asked:
            self._last = asked, _chosen(asked)
        return self._last[1]


def _chosen(asked: _Asked) -> _Choice:
    cards = asked.cards
    choose = partial(
        select,
        asked.requirements,
        asked.engine,
        asked.language,
        words=asked.words,
        pages=asked.pages,
        pixels=asked.pixels,
    )
    selection = choose(cards)
    asleep = asleep_but_wanted(selection, cards, choose)
    if asleep is not None:
        told = f"{asleep} is asleep, which this request cannot wait for; it is woken now."
        selection = replace(selection, reasons=(*selection.reasons, told))
    by_type = type_plans(asked.requirements, asked.engine, selection, cards, choose)
    return _Choice(selection, by_type, asleep)
