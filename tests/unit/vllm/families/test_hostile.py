"""Whatever a model says, reading it ends soon and gives something sound."""

import re
import time
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maoocr.vllm.families import FAMILIES, Family, Parsed, Sent, Task, family_of
from tests.unit.vllm.families.answers import Recorded, name_of, recorded

SENT = Sent(1000, 1400)
TASKS: tuple[Task, ...] = get_args(Task)
SAFE_HTML = re.compile(
    r'(?:<table>|</table>|</?tr>|<t[dh](?: rowspan="\d+")?(?: colspan="\d+")?>|</t[dh]>|[^<>])*'
)
WHOLE = [
    answer
    for answer in recorded()
    if not answer.expected.get("flags") and answer.expected.get("breaks", True)
]
"""Those that are right, but for the few of which no beginning tells what it is the beginning of."""
MARKUP = sorted(
    {"<table>", "</table>", "<tr>", "<td", "<td>", "rowspan=", "<fcel>", "<lcel>", "<xcel>", "<nl>"}
    | {"<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "[[", "]]", "<|LOC_", "|>", "<|box_start|>"}
    | {
        "$$",
        "$",
        "\\[",
        "\\]",
        "\\(",
        "\\begin{tabular}",
        "\\end{",
        "{",
        "}",
        "&",
        "\\\\",
        "\\frac",
    }
    | {"```", "```json\n", "---\n", "# ", "- ", "1. ", "|", "|---|", "![text](", "](", "**", "_"}
    | {
        '{"bbox": [',
        '"text": "',
        '"',
        "\\",
        "\\u",
        "1",
        "999",
        "-5",
        "1e999",
        "NaN",
        ",",
        "\n",
        " ",
    }
    | {'<div data-bbox="', 'data-label="Text">', "<!--", "-->", "<think>", "</think>", "&#x0;", "é"}
    | {"<script>", "<math>", "</p>", "<h1>", "\ud800", "\x00", "\u202e", "primary_language: en\n"}
)


def require_sound(parsed: Parsed) -> None:
    assert len(parsed.blocks) <= 5000
    assert parsed.turn_deg in {None, 0, 90, 180, 270}
    for block in parsed.blocks:
        assert SAFE_HTML.fullmatch(block.html)
        for text in (block.text, block.html, block.latex):
            text.encode("utf-8")
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
        if block.box is not None:
            assert len(block.box) == 4
            assert all(0 <= value <= 1 for point in block.box for value in point)
        assert block.turn_deg in {0, 90, 180, 270}
        assert 0 <= block.level <= 9


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@settings(max_examples=150, deadline=None)
@given(
    text=st.one_of(
        st.text(),
        st.lists(st.one_of(st.sampled_from(MARKUP), st.text(max_size=5)), max_size=60).map("".join),
    ),
    task=st.sampled_from(TASKS),
)
def test_any_answer_is_read(family: Family, text: str, task: Task) -> None:
    require_sound(family.parse(text, task, SENT))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(recorded()), st.data())
def test_an_answer_that_was_damaged_is_read(answer: Recorded, data: st.DataObject) -> None:
    text = answer.answer
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, len(text)))
    other = data.draw(st.sampled_from([*MARKUP, text, text[begin:end]]))
    require_sound(answer.parsed(text[:begin] + other + text[end:]))


@pytest.mark.parametrize("answer", WHOLE, ids=name_of)
def test_an_answer_that_breaks_off_is_flagged_or_right_as_far_as_it_goes(answer: Recorded) -> None:
    whole = words(answer.parsed())
    for end in range(len(answer.answer)):
        parsed = answer.parsed(answer.answer[:end])
        require_sound(parsed)
        said = words(parsed)
        assert parsed.flags or whole.startswith(said), (answer.answer[:end][-60:], said[-60:])


def words(parsed: Parsed) -> str:
    """What it says, without what a mark may leave or take at the place where it breaks off."""
    text = "".join(block.latex or block.text for block in parsed.blocks)
    return "".join(char for char in text if char.isalnum())


LONG = 40_000
"""What grows with the square of it takes minutes; what grows with it, a tenth of a second."""

HOSTILE = {
    "tags": "<" * LONG,
    "open tags": "<a " * (LONG // 3),
    "comments": "<!--" * (LONG // 4),
    "tables": "<table>" * (LONG // 7),
    "table pairs": "<table></table>" * (LONG // 15),
    "cells": "<td>" * (LONG // 4),
    "spans": '<td rowspan="9999" colspan="9999">' * (LONG // 34),
    "otsl": "<fcel>" + "<lcel>" * (LONG // 6),
    "otsl words": "<lcel>a" * (LONG // 7),
    "otsl rows": "<fcel><nl>" + "<ucel>a<nl>" * (LONG // 11),
    "brackets": "[" * LONG,
    "braces": "{" * LONG,
    "objects": '{"a":' * (LONG // 5),
    "boxes": '[{"bbox": [' + "1," * (LONG // 2),
    "quotes": '"' * LONG,
    "backslashes": "\\" * LONG,
    "broken objects": '{"bbox": [1], "text": "a"b"},' * (LONG // 29),
    "dollars": "$" * LONG,
    "dollar lines": "$$\n" * (LONG // 3),
    "open formulas": "\\[\n" * (LONG // 3),
    "environments": "\\begin{align}\n" * (LONG // 14),
    "inline formulas": "\\( " * (LONG // 3),
    "fences": "```\n" * (LONG // 4),
    "markdown fences": "```md\n```\n" * (LONG // 10) + "x\n" * 1000,
    "stars": "*" * LONG,
    "star words": "*a" * (LONG // 2),
    "strong": "**a " * (LONG // 4),
    "underscores": "_a_" * (LONG // 3),
    "links": "[a](" * (LONG // 4),
    "pipes": "|" * LONG,
    "pipe lines": "|a\n" * (LONG // 3),
    "rules": "|a|\n" + "|-" * (LONG // 2),
    "headings": "# " * (LONG // 2),
    "heading": "# " + "a " * (LONG // 2) + "#" * 100,
    "items": "- a\n" * (LONG // 4),
    "deep items": "".join(" " * (n % 40) + "- a\n" for n in range(LONG // 24)),
    "roles": "<header>\n" * (LONG // 9) + "</header>",
    "refs": "<|ref|>" * (LONG // 7),
    "dets": "<|ref|>a<|/ref|><|det|>[[" + "1, " * (LONG // 3),
    "marks": "<|ref|>text<|/ref|><|det|>[[1,2,3,4]]<|/det|>" * (LONG // 45),
    "points": "<|LOC_1|>" * (LONG // 9),
    "starts": "<|box_start|>1 1 " * (LONG // 17),
    "places": "(1,1),(" * (LONG // 7),
    "pictures": "![text](1,2,3" * (LONG // 13),
    "divs": '<div data-bbox="1 2 3 4">' * (LONG // 25),
    "lists": "<ul><li>" * (LONG // 8),
    "scripts": "<script>" * (LONG // 8),
    "front matter": "---\n" + "a: b\n" * (LONG // 5),
    "spaces": " " * LONG,
    "lines": "\n" * LONG,
    "words": "word " * (LONG // 5),
    "loop": "abc" * (LONG // 3),
    "thoughts": "<think>" * (LONG // 7),
    "entities": "&lt;" * (LONG // 4),
    "latex rows": "\\begin{tabular}{l}" + "a & b \\\\ " * (LONG // 9),
    "latex spans": "\\begin{tabular}{l}" + "\\multicolumn{9}{" * (LONG // 16),
}
READERS: tuple[tuple[str, Task], ...] = (
    ("generic", "page"),
    ("generic", "table"),
    ("deepseek-ocr", "page"),
    ("dots-ocr", "page"),
    ("paddleocr-vl", "table"),
    ("paddleocr-vl", "spotting"),
    ("qwen3-vl", "page"),
    ("mineru", "page"),
    ("chandra", "page"),
    ("olmocr", "page"),
    ("hunyuan-ocr", "spotting"),
    ("lighton-ocr-3", "page"),
)
"""Families and tasks that between them use every parser."""


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_answer_takes_long(text: str) -> None:
    for name, task in READERS:
        begin = time.process_time()
        # the end differs, so that the loop is not cut before the markup is read
        family_of(name).parse(text + "\nThe end.", task, SENT)
        taken = time.process_time() - begin
        assert taken < 2, f"{name}, {task}: {taken:.1f} s"
