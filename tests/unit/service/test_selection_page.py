"""The table of requests in docs/selection.md is what the selector does."""

import json

import pytest

from maoocr.service.requirements import parse_requirements
from maoocr.service.selector import select
from tests.house.checkout import ROOT
from tests.unit.service.test_selector import card_of

PAGE = (ROOT / "docs" / "selection.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `{")]


def test_there_are_six() -> None:
    assert len(ROWS) == 6


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_request_of_the_page_gets_the_plan_of_the_page(row: list[str]) -> None:
    needs = parse_requirements(json.loads(row[0].strip("`")))
    plan = select(needs, None, "auto", [card_of(name) for name in ("ppocr", "vlm", "cloud")])
    assert row[1:] == [
        plan.engine,
        plan.second or "–",
        ", ".join(plan.fallbacks) or "–",
        " ".join(plan.reasons),
        " ".join(why for _, why in plan.ruled_out) or "–",
    ]
