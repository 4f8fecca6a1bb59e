"""Headings, paragraphs, lists, margins and their order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maoocr.domain import Block, TextLine
from maoocr.engines.layout import page_blocks
from maoocr.engines.layout.joining import joined
from tests.unit.engines.layout.sheets import Sheet, line, upright

PROSE = "It was a bright cold day in April, and the clocks were striking thirteen at"


def blocks(sheet: Sheet) -> tuple[Block, ...]:
    return page_blocks(sheet.lines, *sheet.size, sheet.image)


def kinds(found: tuple[Block, ...]) -> list[tuple[str, int]]:
    return [(block.kind, block.level) for block in found]


def paragraph(sheet: Sheet, x: float, y: float, lines: int, text: str = PROSE) -> float:
    for number in range(lines):
        sheet.write(x, y + 32 * number, text if number < lines - 1 else text[:30] + ".")
    return y + 32 * lines


def test_an_empty_page_has_no_blocks() -> None:
    assert page_blocks((), 100, 100) == ()


def test_title_headings_and_paragraphs_are_told_by_size_weight_and_numbers() -> None:
    sheet = Sheet()
    sheet.write(100, 150, "A Study of Days", 44)
    sheet.write(100, 260, "1 Introduction", 30)
    below = paragraph(sheet, 100, 330, 5)
    sheet.write(100, below + 40, "1.1 Earlier work", 30)
    below = paragraph(sheet, 100, below + 110, 4)
    sheet.write(100, below + 40, "Remarks by the author", bold=True)
    paragraph(sheet, 100, below + 90, 4)
    found = blocks(sheet)
    assert kinds(found) == [
        ("title", 0),
        ("heading", 2),
        ("text", 0),
        ("heading", 3),
        ("text", 0),
        ("heading", 3),
        ("text", 0),
    ]
    assert [block.text for block in found if block.kind == "heading"] == [
        "1 Introduction",
        "1.1 Earlier work",
        "Remarks by the author",
    ]


def test_columns_are_read_one_after_the_other_below_what_spans_them() -> None:
    sheet = Sheet()
    sheet.write(300, 100, "News of the Town", 60)
    for name, x in (("left", 80), ("right", 660)):
        for number in range(10):
            sheet.write(x, 260 + 32 * number, f"{name} {number} the quick brown fox jumps over it")
    shuffled = list(np.random.default_rng(1).permutation(len(sheet.lines)))
    sheet.lines = [sheet.lines[i] for i in shuffled]
    found = blocks(sheet)
    order = [sheet.lines[i].text for block in found for i in block.lines]
    assert order[0] == "News of the Town"
    assert order[1:] == [line.text for line in sorted(sheet.lines, key=lambda line: line.text)[1:]]


def test_a_table_in_one_column_does_not_break_the_order_of_the_columns() -> None:
    sheet = Sheet()
    for number in range(6):
        sheet.write(80, 200 + 32 * number, f"left {number} the quick brown fox jumps over it")
    xs, ys = [80.0, 230.0, 380.0, 530.0], [420.0, 460.0, 500.0, 540.0]
    sheet.grid(xs, ys)
    for y in ys[:-1]:
        for x in xs[:-1]:
            sheet.write(x + 8, y + 4, "12.5")
    for number in range(6, 12):
        sheet.write(80, 390 + 32 * number, f"left {number} the quick brown fox jumps over it")
    for number in range(17):
        sheet.write(660, 200 + 32 * number, f"right {number} the quick brown fox jumps over it")
    found = blocks(sheet)
    assert [block.kind for block in found] == ["text", "table", "text", "text"]
    assert [block.text[:5] for block in found if block.kind == "text"] == [
        "left ",
        "left ",
        "right",
    ]


def test_paragraphs_end_at_gaps_indents_and_short_last_lines() -> None:
    sheet = Sheet()
    below = paragraph(sheet, 100, 200, 3)
    below = paragraph(sheet, 100, below, 3)
    below = paragraph(sheet, 100, below + 30, 2)
    sheet.write(140, below, PROSE[:-4])
    sheet.write(100, below + 32, PROSE)
    assert [len(block.lines) for block in blocks(sheet)] == [3, 3, 2, 2]


def test_items_of_lists_know_their_depth_and_lose_their_bullets() -> None:
    sheet = Sheet()
    sheet.write(
        100, 100, "What is to be brought along to the meeting of the society on Friday night:"
    )
    for y, x, text in (
        (150, 120, "\u2022 Paper"),
        (190, 160, "\u2022 lined"),
        (230, 160, "\u2022 plain"),
        (
            270,
            120,
            "\u2022 Pens that can be read by everybody, also at the far end of the room and",
        ),
        (302, 138, "from behind"),
    ):
        sheet.write(x, y, text)
    found = [block for block in blocks(sheet) if block.kind == "list"]
    assert [(block.level, block.text.split()[0]) for block in found] == [
        (1, "Paper"),
        (2, "lined"),
        (2, "plain"),
        (1, "Pens"),
    ]
    assert found[-1].text.endswith("room and from behind")


def test_heads_feet_and_numbers_of_pages_stand_apart_from_the_text() -> None:
    sheet = Sheet()
    sheet.write(700, 60, "Annual report 2026")
    paragraph(sheet, 100, 200, 12)
    sheet.write(100, 1650, "www.example.org")
    sheet.write(610, 1700, "- 12 -")
    found = blocks(sheet)
    assert [block.kind for block in found] == ["header", "text", "footer", "page_number"]


def test_a_caption_is_told_by_its_first_words() -> None:
    lines = [
        line("Table 3. Loans by year", 100, 100, 300),
        line("表 7.5 停车区用地指标", 100, 300, 300),
    ]
    assert {block.kind for block in page_blocks(lines, 1000, 1400)} == {"caption"}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["the imple-", "mentation of"], "the implementation of"),
        (["a well-known Anglo-", "American"], "a well-known Anglo-American"),
        (["第一行文字", "接着第二行"], "第一行文字接着第二行"),
        (["用于 GB/T", "标准"], "用于 GB/T标准"),
        (["한국어 문장은", "띄어 쓴다"], "한국어 문장은 띄어 쓴다"),
        (["one", "", "two"], "one two"),
        ([], ""),
    ],
)
def test_lines_are_joined_as_their_script_wants_it(texts: list[str], expected: str) -> None:
    assert joined(texts) == expected


def test_a_page_of_vertical_text_is_one_block_in_its_order() -> None:
    columns = [
        TextLine(f"第{n}列", 0.9, upright(900 - 60 * n, 100, 940 - 60 * n, 900), "test")
        for n in range(5)
    ]
    found = page_blocks(columns, 1000, 1000)
    assert kinds(found) == [("text", 0)]
    assert found[0].lines == (0, 1, 2, 3, 4)


def test_blocks_lie_where_their_lines_are_on_a_page_askew() -> None:
    sheet = Sheet()
    paragraph(sheet, 100, 200, 8)
    found = blocks(sheet.turned(3))
    assert len(found) == 1
    polygon = found[0].polygon
    assert polygon is not None
    (x0, y0), (x1, y1) = polygon[0], polygon[1]
    assert np.degrees(np.arctan2(y1 - y0, x1 - x0)) == pytest.approx(3, abs=0.2)


_side = st.floats(-100, 3000)
_polygons = st.tuples(*[st.tuples(_side, _side)] * 4)
_lines = st.lists(
    st.builds(
        TextLine,
        text=st.text(max_size=12),
        score=st.just(0.5),
        polygon=st.one_of(
            _polygons,
            st.builds(
                lambda x, y, w, h: upright(x, y, x + w, y + h),
                st.integers(0, 900),
                st.integers(0, 900),
                st.integers(1, 600),
                st.integers(1, 60),
            ),
        ),
        engine=st.just("test"),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(_lines)
def test_every_line_is_in_exactly_one_block_whatever_the_polygons(lines: list[TextLine]) -> None:
    held = [i for block in page_blocks(lines, 1000, 1000) for i in block.lines]
    assert sorted(held) == list(range(len(lines)))
