"""The table of selector cases: each row is a request, the engines there are, and the plan."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from maoocr.domain import Selection
from maoocr.engines.base import EngineInfo
from maoocr.engines.profiles import EngineProfile, load_profiles
from maoocr.errors import EngineUnavailable, MaoOCRError, UnknownEngine
from maoocr.pool.pace import PaceNow
from maoocr.service.ports import EngineCard
from maoocr.service.requirements import parse_requirements
from maoocr.service.selector import select
from maoocr.settings import Settings

TABLE = yaml.safe_load((Path(__file__).parent / "selector_cases.yaml").read_text(encoding="utf-8"))
CASES: list[dict[str, Any]] = TABLE["cases"]
SHIPPED = load_profiles(Settings(_env_file=None))
CHANGES = {
    "asleep": "is_asleep",
    "budget": "budget_left",
    "failure": "failure",
    "in_work": "pages_in_work",
    "lanes": "pages_at_once",
    "queue": "queue_pages",
    "ready": "ready",
}


def profile_of(name: str) -> EngineProfile:
    told: dict[str, Any] = dict(TABLE["engines"][name])
    profile = SHIPPED.of(told.pop("like", name), told.pop("family", None))
    return replace(profile, name=name, **told)


def card_of(written: str | dict[str, dict[str, Any]]) -> EngineCard:
    name, changes = (written, {}) if isinstance(written, str) else next(iter(written.items()))
    profile = profile_of(name)
    info = EngineInfo(name, "d", tuple(changes.get("languages", TABLE["languages"].get(name, ()))))
    card = EngineCard(profile, info, True)
    for key, value in changes.items():
        if key == "pace":
            card = replace(card, pace=PaceNow(value, (None,) * 4))
        elif key in CHANGES:
            card = replace(card, **{CHANGES[key]: value})
    return card


def plan_of(case: dict[str, Any]) -> Selection:
    needs = parse_requirements(case["needs"]) if "needs" in case else None
    return select(
        needs,
        case.get("engine"),
        case.get("language", "auto"),
        [card_of(written) for written in case["engines"]],
        words=case.get("words", False),
        pages=case.get("pages", 1),
        document_type=case.get("found", "auto"),
    )


def test_the_table_is_long_enough_and_no_name_is_there_twice() -> None:
    names = [case["name"] for case in CASES]
    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("case", [c for c in CASES if "fails" not in c], ids=lambda c: c["name"])
def test_a_request_gets_its_plan(case: dict[str, Any]) -> None:
    plan = plan_of(case)
    wanted = case["gives"]
    told = f"{plan}"
    assert plan.engine == wanted["engine"], told
    assert list(plan.fallbacks) == wanted.get("fallbacks", []), told
    assert plan.second == wanted.get("second", ""), told
    assert sorted(name for name, _ in plan.ruled_out) == sorted(wanted.get("ruled_out", [])), told
    says = wanted.get("says", [])
    for words in [says] if isinstance(says, str) else says:
        assert words in " ".join([*plan.reasons, *(why for _, why in plan.ruled_out)]), told


@pytest.mark.parametrize("case", [c for c in CASES if "fails" in c], ids=lambda c: c["name"])
def test_an_impossible_request_hears_what_collides(case: dict[str, Any]) -> None:
    wanted = case["fails"]
    with pytest.raises(MaoOCRError) as caught:
        plan_of(case)
    assert caught.value.code == wanted["code"]
    for words in wanted["says"]:
        assert words in caught.value.message


@pytest.mark.parametrize("case", [c for c in CASES if "fails" not in c], ids=lambda c: c["name"])
def test_every_plan_is_told_in_sentences(case: dict[str, Any]) -> None:
    plan = plan_of(case)
    for sentence in [*plan.reasons, *(why for _, why in plan.ruled_out)]:
        assert sentence.endswith(".")
        assert len(sentence) < 160


def test_an_unknown_engine_lists_the_known_ones() -> None:
    with pytest.raises(UnknownEngine, match=r"Known are ppocr, vlm\."):
        select(None, "tesseract", "auto", [card_of("ppocr"), card_of("vlm")])


def test_a_budget_that_is_used_up_is_no_fault_of_the_request() -> None:
    with pytest.raises(EngineUnavailable) as caught:
        select(None, None, "auto", [card_of({"cloud": {"budget": 0.0}})])
    assert caught.value.retryable
