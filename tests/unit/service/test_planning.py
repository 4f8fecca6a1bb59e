"""Plans of requests that come one after the other."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from maoocr.domain import OcrOptions, Requirements
from maoocr.service import planning
from maoocr.service.planning import Planner
from maoocr.service.ports import Document, EngineCard
from maoocr.service.reading import Extent, PageReading, Plan
from maoocr.service.selector import select
from maoocr.settings import LimitSettings
from tests.unit.service.test_selector import card_of

FORMULAS = Requirements(document_type="formula", max_seconds=20.0)


class Engines:
    """The engines that there are; they may change between two requests."""

    def __init__(self, *cards: EngineCard) -> None:
        self.now = list(cards)
        self.woken: list[str] = []

    def cards(self) -> Sequence[EngineCard]:
        # New objects every time, as the real ones are.
        return [replace(card) for card in self.now]

    def wake(self, engine: str) -> None:
        self.woken.append(engine)


class Counted:
    """A document of one page."""

    sha256 = "0" * 64

    async def keep(self) -> None:
        pass


class Reading:
    """Counts every document as one page."""

    async def measure(self, *_: object, **__: object) -> Extent:
        return Extent((1,), 1)


class Desk:
    def __init__(self, *cards: EngineCard) -> None:
        self.engines = Engines(*cards)
        reading = cast(PageReading, Reading())
        self.planner = Planner(self.engines, reading, LimitSettings(), lambda: 0.0)

    async def plan(
        self, needs: Requirements | None = None, options: OcrOptions | None = None
    ) -> Plan:
        document = cast(Document, Counted())
        return await self.planner.plan(
            document, options or OcrOptions(), needs, None, "local", is_cached=True
        )


async def test_the_same_wish_of_the_same_engines_is_weighed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weighed = 0

    def counted(*arguments: Any, **more: Any) -> Any:
        nonlocal weighed
        weighed += 1
        return select(*arguments, **more)

    monkeypatch.setattr(planning, "select", counted)
    desk = Desk(card_of("ppocr"))
    plans = [await desk.plan() for _ in range(3)]
    assert weighed == 1
    assert len({plan.key for plan in plans}) == 1
    assert plans[0].selection == plans[2].selection


async def test_an_engine_that_breaks_is_not_chosen_again() -> None:
    desk = Desk(card_of("ppocr"), card_of("vlm"))
    assert (await desk.plan()).selection.engine == "ppocr"
    desk.engines.now[0] = replace(desk.engines.now[0], ready=False, failure="It broke.")
    assert (await desk.plan()).selection.engine == "vlm"


async def test_another_wish_is_weighed_anew() -> None:
    desk = Desk(card_of("ppocr"), card_of("vlm"))
    assert (await desk.plan()).selection.engine == "ppocr"
    assert (await desk.plan(Requirements(document_type="formula"))).selection.engine == "vlm"
    by_words = await desk.plan(options=OcrOptions(words=True))
    assert by_words.key != (await desk.plan()).key


async def test_each_request_that_cannot_wait_wakes_who_sleeps() -> None:
    desk = Desk(card_of("ppocr"), replace(card_of("vlm"), is_asleep=True))
    for _ in range(2):
        assert (await desk.plan(FORMULAS)).selection.engine == "ppocr"
    assert desk.engines.woken == ["vlm", "vlm"]
