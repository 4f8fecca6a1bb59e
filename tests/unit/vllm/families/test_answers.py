"""What each family answers is read right, or its fault is flagged."""

from dataclasses import fields
from typing import Any

import pytest

from maoocr.vllm.families import FAMILIES, Parsed, ParsedBlock
from tests.unit.vllm.families.answers import Recorded, name_of, recorded


def test_every_family_has_recorded_answers_good_and_bad() -> None:
    for family in FAMILIES:
        flagged = {bool(a.expected.get("flags")) for a in recorded() if a.family == family.name}
        assert flagged >= {False} if family.name == "monkey-ocr" else flagged == {False, True}


@pytest.mark.parametrize("answer", recorded(), ids=name_of)
def test_a_recorded_answer_is_read_as_it_is_meant(answer: Recorded) -> None:
    parsed = answer.parsed()
    assert [block.kind for block in parsed.blocks] == [b["kind"] for b in answer.expected["blocks"]]
    for block, expected in zip(parsed.blocks, answer.expected["blocks"], strict=True):
        assert {name: seen(block, name) for name in expected} == expected


@pytest.mark.parametrize("answer", recorded(), ids=name_of)
def test_its_faults_are_flagged_and_nothing_else(answer: Recorded) -> None:
    parsed = answer.parsed()
    assert set(parsed.flags) == set(answer.expected.get("flags", []))
    assert len(set(parsed.flags)) == len(parsed.flags)


@pytest.mark.parametrize("answer", recorded(), ids=name_of)
def test_what_it_says_of_the_page_is_heard(answer: Recorded) -> None:
    parsed = answer.parsed()
    expected = answer.expected
    assert parsed.language == expected.get("language", "")
    assert parsed.turn_deg == expected.get("turn_deg")
    assert parsed.has_layout_only == expected.get("layout_only", False)


def seen(block: ParsedBlock, name: str) -> Any:
    value = getattr(block, name)
    if name == "box" and value is not None:
        points = [*min(value), *max(value)]
        return [round(number, 6) for number in points]
    return value


def test_the_files_name_only_what_there_is() -> None:
    known = {field.name for field in fields(ParsedBlock)}
    of_page = {
        "case",
        "breaks",
        "task",
        "size",
        "answer",
        "blocks",
        "flags",
        "turn_deg",
        "language",
    }
    for answer in recorded():
        assert set(answer.expected) <= of_page | {"layout_only"}
        assert all(set(block) <= known for block in answer.expected["blocks"])


def test_parsed_is_empty_unless_something_was_read() -> None:
    assert Parsed() == Parsed((), (), None, "", False)
