"""What holds for every plan, whatever the engines and the request are."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from maoocr.domain import OcrOptions, Requirements, Selection
from maoocr.engines.profiles import EngineProfile
from maoocr.errors import EngineUnavailable, ImpossibleRequirements
from maoocr.pool.pace import PaceNow
from maoocr.service.ports import EngineCard
from maoocr.service.ranking import Need, prospect_of
from maoocr.service.selector import select

TYPES = ["simple_text", "complex_layout", "table", "formula", "handwriting", "receipt"]
LEVELS = st.sampled_from(["low", "medium", "high"])

profiles = st.builds(
    EngineProfile,
    name=st.just(""),
    kind=st.sampled_from(["ocr", "vlm"]),
    accuracy=st.dictionaries(st.sampled_from(TYPES), st.integers(1, 5), min_size=1),
    languages=st.sampled_from([(), ("en",), ("en", "zh")]),
    boxes=st.sampled_from(["words", "lines", "matched", "none"]),
    privacy=st.sampled_from(["local", "remote"]),
    price_per_page=st.sampled_from([0.0, 0.0, 0.001, 0.01]),
    price_output_per_1k=st.sampled_from([0.0, 0.0, 0.02]),
    seconds_per_page=st.sampled_from([0.2, 0.5, 2.0, 9.0]),
    startup_s=st.sampled_from([0.0, 5.0, 120.0]),
)
cards = st.builds(
    EngineCard,
    profile=profiles,
    info=st.none(),
    ready=st.sampled_from([True, True, True, False]),
    failure=st.sampled_from([None, "gone"]),
    pace=st.builds(PaceNow, st.sampled_from([None, 0.3, 4.0])),
    queue_pages=st.sampled_from([0, 0, 3, 300]),
    pages_in_work=st.integers(0, 4),
    pages_at_once=st.integers(1, 16),
    is_asleep=st.booleans(),
    budget_left=st.sampled_from([None, None, 0.0, -1.0, 0.005, 5.0]),
)
servers = st.lists(cards, min_size=1, max_size=5).map(
    lambda some: [
        replace(card, profile=replace(card.profile, name=f"e{n}")) for n, card in enumerate(some)
    ]
)
requirements = st.builds(
    Requirements,
    document_type=st.sampled_from(["auto", *TYPES]),
    language=st.sampled_from(["auto", "en", "zh", "ru"]),
    accuracy_requirement=LEVELS,
    speed_requirement=LEVELS,
    real_time=st.booleans(),
    batch_processing=st.booleans(),
    privacy=st.sampled_from(["local", "any"]),
    max_seconds=st.sampled_from([None, None, 0.5, 10.0]),
    max_cost=st.sampled_from([None, None, 0.0, 0.005, 0.05, 1.0]),
    min_confidence=st.sampled_from([None, 0.9]),
)
names = st.sampled_from([None, None, "auto", "e0", "e1"])
PAGES = st.sampled_from([1, 1, 7, 100])
MANY = settings(max_examples=120, deadline=None)


def plan_of(
    server: list[EngineCard],
    needs: Requirements | None,
    engine: str | None = None,
    pages: int = 1,
    options: OcrOptions | None = None,
) -> Selection | None:
    """The plan; None where the request is refused, which every rule allows."""
    if engine not in {None, "auto", *(card.name for card in server)}:
        return None
    words = bool(options and options.words)
    try:
        return select(needs, engine, "auto", server, words=words, pages=pages)
    except (ImpossibleRequirements, EngineUnavailable):
        return None


def readers(plan: Selection) -> list[str]:
    """Everybody whom the plan may send a page to."""
    return [name for name in (plan.engine, *plan.fallbacks, plan.second) if name]


@MANY
@given(servers, requirements, names, PAGES)
def test_a_local_only_request_never_leaves(
    server: list[EngineCard], needs: Requirements, engine: str | None, pages: int
) -> None:
    plan = plan_of(server, replace(needs, privacy="local"), engine, pages)
    remote = {card.name for card in server if card.profile.privacy == "remote"}
    assert plan is None or not remote & set(readers(plan))


@MANY
@given(servers, requirements, st.sampled_from([0.0, 0.005, 0.05, 1.0]), names, PAGES)
def test_no_plan_costs_more_than_is_allowed(
    server: list[EngineCard], needs: Requirements, limit: float, engine: str | None, pages: int
) -> None:
    plan = plan_of(server, replace(needs, max_cost=limit), engine, pages)
    if plan is None:
        return
    price = {card.name: card.profile.cost_per_page * pages for card in server}
    beside = price[plan.second] if plan.second else 0.0
    for name in (plan.engine, *plan.fallbacks):
        paid_again = 0.0 if name == plan.second else beside
        assert price[name] + paid_again <= limit


@MANY
@given(servers, st.none() | requirements, names, PAGES)
def test_a_budget_that_is_used_up_is_never_overdrawn(
    server: list[EngineCard], needs: Requirements | None, engine: str | None, pages: int
) -> None:
    plan = plan_of(server, needs, engine, pages)
    if plan is None:
        return
    left = {card.name: card.budget_left for card in server}
    price = {card.name: card.profile.cost_per_page * pages for card in server}
    for name in readers(plan):
        budget = left[name]
        assert budget is None or (budget > 0 and price[name] <= budget)


@MANY
@given(servers, requirements, st.booleans(), PAGES)
def test_a_cheaper_plan_is_never_passed_over_for_an_equal_one(
    server: list[EngineCard], needs: Requirements, words: bool, pages: int
) -> None:
    plan = plan_of(server, needs, None, pages, OcrOptions(words=words))
    if plan is None:
        return
    need = Need(needs, needs.document_type, needs.language, words, pages)
    offers = {card.name: prospect_of(card, 0, need) for card in server}
    order = [offers[name] for name in (plan.engine, *plan.fallbacks)]
    for n, dearer in enumerate(order):
        for cheaper in order[n + 1 :]:
            is_equal = (
                cheaper.lacks <= dearer.lacks
                and cheaper.accuracy >= dearer.accuracy
                and cheaper.seconds <= dearer.seconds
            )
            assert not (is_equal and cheaper.cost < dearer.cost)


@MANY
@given(servers, st.none() | requirements, names, PAGES)
def test_the_same_request_gets_the_same_plan(
    server: list[EngineCard], needs: Requirements | None, engine: str | None, pages: int
) -> None:
    assert plan_of(server, needs, engine, pages) == plan_of(list(server), needs, engine, pages)


@MANY
@given(servers, st.none() | requirements, names, PAGES)
def test_every_engine_reads_stands_by_or_is_ruled_out_with_a_reason(
    server: list[EngineCard], needs: Requirements | None, engine: str | None, pages: int
) -> None:
    plan = plan_of(server, needs, engine, pages)
    if plan is None:
        return
    out = [name for name, _ in plan.ruled_out]
    assert sorted([plan.engine, *plan.fallbacks, *out]) == sorted(card.name for card in server)
    assert plan.second not in out
    assert all(why for _, why in plan.ruled_out)
    assert plan.reasons


@MANY
@given(servers, requirements, st.sampled_from([0.5, 10.0]), PAGES)
def test_a_time_limit_is_kept_or_told_about(
    server: list[EngineCard], needs: Requirements, limit_s: float, pages: int
) -> None:
    plan = plan_of(server, replace(needs, max_seconds=limit_s), None, pages)
    if plan is None:
        return
    card = next(card for card in server if card.name == plan.engine)
    is_late = card.read_s(pages) > limit_s
    assert is_late == any("no engine here is expected to be faster" in r for r in plan.reasons)
