"""An engine that is asleep is woken for those who come later, while another one answers."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from maoocr.domain import Requirements, Selection
from maoocr.service.ports import EngineCard
from maoocr.service.selector import select
from maoocr.service.waking import asleep_but_wanted
from tests.fakes.obedient_lanes import Orders
from tests.unit.service.test_fallback import desk
from tests.unit.service.test_selector import card_of

FORMULAS = Requirements(document_type="formula", max_seconds=20.0)


def cards(*, asleep: bool) -> list[EngineCard]:
    return [card_of("ppocr"), replace(card_of("vlm"), is_asleep=asleep)]


def choose(cards: Sequence[EngineCard], needs: Requirements = FORMULAS) -> Selection:
    return select(needs, None, "auto", cards)


def test_who_is_asleep_and_would_be_late_is_wanted() -> None:
    asleep = cards(asleep=True)
    assert choose(asleep).engine == "ppocr"
    assert choose(cards(asleep=False)).engine == "vlm"
    assert asleep_but_wanted(choose(asleep), asleep, choose) == "vlm"


def test_who_is_awake_needs_no_waking() -> None:
    awake = cards(asleep=False)
    assert asleep_but_wanted(choose(awake), awake, choose) is None


def test_who_is_chosen_though_asleep_is_woken_by_its_page() -> None:
    needs, asleep = Requirements(document_type="formula"), cards(asleep=True)
    plan = choose(asleep, needs)
    assert plan.engine == "vlm"
    assert "vlm is asleep and is woken first." in plan.reasons
    assert asleep_but_wanted(plan, asleep, lambda cards: choose(cards, needs)) is None


def test_who_would_not_be_chosen_sleeps_on() -> None:
    needs, asleep = Requirements(speed_requirement="high"), cards(asleep=True)
    plan = choose(asleep, needs)
    assert asleep_but_wanted(plan, asleep, lambda cards: choose(cards, needs)) is None


async def test_an_unloaded_engine_is_loaded_behind_the_answer_of_another() -> None:
    async with desk(Orders(), "last", "first") as it:
        it.pool.unload("first")
        await asyncio.sleep(0)
        needs = Requirements(document_type="formula", max_seconds=9.5)
        result = await it.read(needs)
        assert result.engines == ("last",)
        told = "first is asleep, which this request cannot wait for; it is woken now."
        assert told in result.selection.reasons
        assert not it.pool.engines["first"].is_unloaded
        assert (await it.read(engine="first", document="other")).engines == ("first",)
