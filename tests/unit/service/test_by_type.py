"""What a page turns out to be decides who reads it, where the caller left that open."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from maoocr.domain import OcrOptions, OcrResult, PageResult, Polygon, Requirements, TextLine
from maoocr.errors import EngineFault
from maoocr.service.by_type import TypePlans, type_plans
from maoocr.service.ports import EngineCard
from maoocr.service.recognizer import StreamBegun
from maoocr.service.selector import select
from tests.fakes.obedient_lanes import Orders
from tests.unit.service.test_fallback import desk
from tests.unit.service.test_recognizer import PDF, Sheet
from tests.unit.service.test_selector import card_of

PLACE: Polygon = ((0.0, 0.0), (90.0, 0.0), (90.0, 9.0), (0.0, 9.0))
FORMULA, PROSE = "E = m c^2", "It was the best of times, it was the worst of times"
PROFILES: dict[str, dict[str, object]] = {
    "lines": {"accuracy": {"simple_text": 4, "table": 3}, "seconds_per_page": 0.5},
    "model": {
        "kind": "vlm",
        "accuracy": {"simple_text": 4, "table": 5, "formula": 5, "handwriting": 4},
        "seconds_per_page": 2.0,
    },
}
OPEN = Requirements(accuracy_requirement="low")


def plans_of(
    requirements: Requirements | None, *engines: str | dict[str, dict[str, Any]], engine: str = ""
) -> TypePlans:
    cards = [card_of(written) for written in engines]
    choose = partial(select, requirements, engine or None, "auto")
    return type_plans(requirements, engine or None, choose(cards), cards, choose)


def shown(plans: TypePlans) -> dict[str, tuple[str, str]]:
    return {kind: (plan.engine, plan.second) for kind, plan in plans.plans.items()}


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ({"accuracy_requirement": "low"}, {"formula": ("vlm", "")}),
        (
            {"accuracy_requirement": "medium"},
            {"formula": ("vlm", ""), "handwriting": ("vlm", "")},
        ),
        # Doubtful lines of a table or of handwriting are read again, and no more than these.
        ({"accuracy_requirement": "high"}, {"formula": ("vlm", "")}),
        # The time of the first look is counted.
        ({"accuracy_requirement": "medium", "max_seconds": 2.6}, "as medium"),
        ({"accuracy_requirement": "medium", "max_seconds": 2.4}, {}),
        ({"accuracy_requirement": "medium", "max_seconds": 1.0}, {}),
        ({"accuracy_requirement": "medium", "document_type": "formula"}, {}),
    ],
)
def test_what_a_page_turns_out_to_be_changes_the_plan(needs: dict[str, Any], expected: Any) -> None:
    if expected == "as medium":
        expected = {"formula": ("vlm", ""), "handwriting": ("vlm", "")}
    assert shown(plans_of(Requirements(**needs), "ppocr", "vlm")) == expected


def test_nothing_changes_without_wishes_with_a_name_or_with_one_engine() -> None:
    assert not plans_of(None, "ppocr", "vlm")
    assert not plans_of(OPEN, "ppocr", "vlm", engine="ppocr")
    assert plans_of(OPEN, "ppocr", "vlm", engine="auto")
    assert not plans_of(OPEN, "ppocr")


def test_a_page_goes_to_nobody_whom_the_caller_forbids() -> None:
    local = replace(OPEN, privacy="local")
    assert not plans_of(local, "ppocr", "cloud")
    assert shown(plans_of(OPEN, "ppocr", "cloud")) == {"formula": ("cloud", "")}
    assert not plans_of(replace(OPEN, max_cost=0.005), "ppocr", "cloud")
    assert not plans_of(OPEN, "ppocr", {"cloud": {"budget": 0}})


def test_a_priced_first_look_counts_against_the_money() -> None:
    cards = [card_of("ppocr"), card_of("cloud")]
    priced = replace(cards[0].profile, price_per_page=0.004)
    cards[0] = replace(cards[0], profile=priced)

    def plans(limit: float) -> TypePlans:
        needs = replace(OPEN, max_cost=limit)
        choose = partial(select, needs, None, "auto")
        return type_plans(needs, None, choose(cards), cards, choose)

    assert shown(plans(0.0145)) == {"formula": ("cloud", "")}
    assert not plans(0.0135)


def test_where_a_model_reads_the_detector_beside_it_tells_the_type() -> None:
    cards: Sequence[EngineCard] = [card_of("ppocr"), card_of("vlm")]
    needs = Requirements(language="ru", accuracy_requirement="low")
    choose = partial(select, needs, None, "auto")
    plan = choose(cards)
    assert (plan.engine, plan.support) == ("vlm", "ppocr")
    assert not type_plans(needs, None, plan, cards, choose)


def test_the_text_of_a_page_of_its_own_is_right_whatever_it_tells_of() -> None:
    plans = plans_of(OPEN, "ppocr", "vlm")
    page = PageResult(1, 90, 90, lines=(TextLine(FORMULA, 0.9, PLACE, "x"),))
    assert plans.type_of(page) == "formula"
    assert plans.type_of(replace(page, source="text_layer")) == "auto"
    assert plans.type_of(replace(page, lines=(TextLine(PROSE, 0.9, PLACE, "x"),))) == "auto"
    assert plans.type_of(replace(page, lines=())) == "auto"


def orders_of(*formulas: int) -> Orders:
    """On these pages stands a formula, on all others prose."""
    return Orders(text=lambda engine, page: FORMULA if page in formulas else PROSE)


async def test_only_the_pages_of_that_type_are_read_by_the_other_engine() -> None:
    orders = orders_of(2, 4)
    async with desk(orders, "lines", "model", pages=4, profiles=PROFILES) as it:
        result = await it.read(OPEN)
    assert [page.engine for page in result.pages] == ["lines", "model", "lines", "model"]
    assert [page.document_type for page in result.pages] == ["auto", "formula", "auto", "formula"]
    assert all(page.flags == () and page.blocks == () for page in result.pages)
    assert sorted(orders.read) == [("lines", n) for n in (1, 2, 3, 4)] + [
        ("model", 2),
        ("model", 4),
    ]
    assert result.selection.engine == "lines"
    assert result.selection.reasons[-1] == (
        "Pages 2, 4 look like formulas: model reads formulas; lines would read lines of text only."
    )


async def test_what_the_first_look_took_is_counted() -> None:
    async with desk(orders_of(1), "lines", "model", profiles=PROFILES) as it:
        result = await it.read(OPEN)
    assert result.pages[0].engine == "model"
    assert result.pages[0].recognize_s == 0.5
    assert result.document_type == "formula"
    assert result.selection.reasons[-1].startswith("The document looks like formulas: model reads")


async def test_without_wishes_the_default_engine_reads_whatever_is_there() -> None:
    orders = orders_of(1)
    async with desk(orders, "lines", "model", profiles=PROFILES) as it:
        result = await it.read()
    assert (result.engines, result.document_type) == (("lines",), "formula")
    assert orders.read == [("lines", 1)]


async def test_what_the_first_look_read_stands_when_the_other_engine_fails() -> None:
    orders = orders_of(1)
    orders.outcome = lambda engine, page: EngineFault("It raised.") if engine == "model" else None
    async with desk(orders, "lines", "model", profiles=PROFILES) as it:
        result = await it.read(OPEN)
    page = result.pages[0]
    assert (page.engine, page.text, page.flags) == ("lines", FORMULA, ("fallback",))
    assert orders.read == [("lines", 1), ("model", 1)]
    assert result.selection.reasons[-1] == "model could not read the document; lines did instead."


async def test_a_first_look_that_fails_is_not_tried_again() -> None:
    orders = orders_of(1)
    orders.outcome = lambda engine, page: EngineFault("It raised.") if engine == "lines" else None
    async with desk(orders, "lines", "model", profiles=PROFILES) as it:
        result = await it.read(OPEN)
        assert (result.engines, result.pages[0].flags) == (("model",), ("fallback",))
    assert orders.read == [("lines", 1), ("model", 1)]


async def test_the_failure_of_the_first_look_is_told_when_every_engine_fails() -> None:
    orders = Orders(outcome=lambda engine, page: EngineFault(f"{engine} raised."))
    async with desk(orders, "lines", "model", profiles=PROFILES) as it:
        with pytest.raises(EngineFault, match=r"lines raised\."):
            await it.read(OPEN)
    assert orders.read == [("lines", 1), ("model", 1)]


async def test_the_answer_is_kept_for_the_same_wishes_and_for_no_others() -> None:
    orders = orders_of(1)
    async with desk(orders, "lines", "model", profiles=PROFILES) as it:
        await it.read(OPEN)
        again = await it.read(OPEN)
        assert (again.cached, again.engines) == (True, ("model",))
        assert any("look" in reason for reason in again.selection.reasons)
        plain = await it.read()
        assert (plain.cached, plain.engines) == (False, ("lines",))


async def test_pages_of_a_stream_go_where_they_belong() -> None:
    async with desk(orders_of(2), "lines", "model", pages=2, profiles=PROFILES) as it:
        stream = it.recognizer.stream(Sheet(kind=PDF), OcrOptions(), requirements=OPEN)
        begun, *pages, whole = [item async for item in stream]
    assert isinstance(begun, StreamBegun)
    assert isinstance(whole, OcrResult)
    assert [page.engine for page in pages if isinstance(page, PageResult)] == ["lines", "model"]
    assert whole.selection.reasons[-1].startswith("Page 2 looks like formulas:")
