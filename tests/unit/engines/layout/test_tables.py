"""Drawn tables come back cell by cell."""

import random

import pytest

from maoocr.domain import Block
from maoocr.engines.layout import page_blocks
from tests.unit.engines.layout.sheets import Sheet, line, rows_of


def blocks(sheet: Sheet, *, picture: bool = True) -> tuple[Block, ...]:
    return page_blocks(sheet.lines, *sheet.size, sheet.image if picture else None)


def tables(sheet: Sheet, *, picture: bool = True) -> list[Block]:
    return [block for block in blocks(sheet, picture=picture) if block.kind == "table"]


def filled(sheet: Sheet, xs: list[float], ys: list[float], texts: list[list[str]]) -> None:
    for y, row in zip(ys, texts, strict=False):
        for x, text in zip(xs, row, strict=False):
            if text:
                sheet.write(x + 8, y + 6, text)


def spanning() -> Sheet:
    """Two rows of headings, of which two span; a cell over two rows."""
    sheet = Sheet(1000, 700)
    xs, ys = [100.0, 300.0, 500.0, 700.0], [100.0, 150.0, 200.0, 250.0, 300.0]
    sheet.grid(xs, ys)
    sheet.erase(102, 145, 298, 155)
    sheet.erase(495, 102, 505, 148)
    sheet.erase(102, 245, 298, 255)
    texts = [
        ["Fruit", "Harvest", ""],
        ["", "Tons", "Growth"],
        ["Apples", "11", "2 %"],
        ["", "9", "-1 %"],
    ]
    filled(sheet, xs, ys, texts)
    return sheet


SPANNING = [
    ["Fruit*2x1", "Harvest*1x2"],
    ["Tons", "Growth"],
    ["Apples*2x1", "11", "2 %"],
    ["9", "-1 %"],
]


@pytest.mark.parametrize("degrees", [0.0, 0.8, -2.5])
def test_cells_that_span_rows_and_columns_are_told_by_the_missing_lines(degrees: float) -> None:
    sheet = spanning()
    sheet = sheet.turned(degrees) if degrees else sheet
    found = tables(sheet)
    assert [rows_of(table.html) for table in found] == [SPANNING]
    assert sorted(found[0].lines) == list(range(len(sheet.lines)))


@pytest.mark.parametrize("seed", range(12))
def test_ruled_tables_of_any_shape_come_back_cell_by_cell(seed: int) -> None:
    chance = random.Random(seed)
    rows, columns = chance.randint(2, 14), chance.randint(2, 6)
    widths = [chance.randint(110, 190) for _ in range(columns)]
    heights = [chance.randint(36, 70) for _ in range(rows)]
    xs = [80.0 + sum(widths[:i]) for i in range(columns + 1)]
    ys = [120.0 + sum(heights[:i]) for i in range(rows + 1)]
    words = ["Alpha", "12.5", "x", "1,024", "Iota", "-3 %", "Omega"]
    texts = [[chance.choice(words) for _ in range(columns)] for _ in range(rows)]
    sheet = Sheet(1300, 1200)
    sheet.grid(xs, ys)
    filled(sheet, xs, ys, texts)
    assert [rows_of(table.html) for table in tables(sheet)] == [texts]


def test_a_line_that_runs_through_two_cells_is_cut_at_its_words() -> None:
    sheet = Sheet(800, 500)
    xs, ys = [100.0, 260.0, 420.0], [100.0, 150.0, 200.0, 250.0, 300.0, 350.0]
    sheet.grid(xs, ys)
    texts = [
        ["Item", "Price"],
        ["A long name", "9.50"],
        ["Tea", "2.10"],
        ["Rice", "3.00"],
        ["", ""],
    ]
    filled(sheet, xs, ys, texts)
    sheet.merge("A long name", "9.50")
    assert rows_of(tables(sheet)[0].html) == texts


def test_rows_that_are_drawn_without_columns_are_one_row_each() -> None:
    sheet = Sheet(1000, 600)
    for y in (100, 150, 230, 310):
        sheet.rule(80, y, 900, y)
    for x in (80, 900):
        sheet.rule(x, 100, x, 310)
    filled(sheet, [90, 400, 650], [108], [["Place", "Date", "Action"]])
    for y, name in ((158, "Harbour"), (238, "Airport")):
        sheet.write(98, y, name)
        sheet.write(98, y + 32, "(north)")
        sheet.write(408, y, "2026-11-22")
        sheet.write(658, y, "Closed all day")
    assert rows_of(tables(sheet)[0].html) == [
        ["Place", "Date", "Action"],
        ["Harbour (north)", "2026-11-22", "Closed all day"],
        ["Airport (north)", "2026-11-22", "Closed all day"],
    ]


def borderless(sheet: Sheet, top: float = 300) -> list[list[str]]:
    texts = [
        ["Fiscal year", "2014", "2013", "2012"],
        ["Allowance at beginning", "$80", "$85", "$115"],
        ["Bad debt expense", "41", "52", "42"],
        ["Write-offs", "(70)", "(80)", "(97)"],
        ["Recoveries", "24", "23", "25"],
    ]
    for number, row in enumerate(texts):
        for x, text in zip((100, 600, 800, 1000), row, strict=True):
            sheet.write(x, top + 40 * number, text)
    return texts


@pytest.mark.parametrize("picture", [True, False])
def test_columns_without_lines_are_a_table_between_paragraphs(picture: bool) -> None:
    sheet = Sheet()
    sheet.write(
        100, 200, "Activity in the allowance for credit losses over the last three years was:"
    )
    texts = borderless(sheet)
    sheet.write(
        100, 560, "Under certain circumstances, we may make modifications to payment terms for a"
    )
    sheet.write(
        100, 592, "customer experiencing financial difficulties in an effort to help the customer."
    )
    found = blocks(sheet, picture=picture)
    assert [block.kind for block in found] == ["text", "table", "text"]
    assert rows_of(found[1].html) == texts
    assert found[1].text.splitlines()[1] == "Allowance at beginning\t$80\t$85\t$115"


def test_a_cell_left_empty_and_a_title_within_keep_their_places() -> None:
    sheet = Sheet()
    rows = [
        ["", "January", "February"],
        ["Receivables:", "", ""],
        ["Cards", "$1,310", "$1,316"],
        ["Loans", "974", "868"],
        ["Total", "2,284", "2,184"],
    ]
    for number, row in enumerate(rows):
        for x, text in zip((100, 600, 900), row, strict=True):
            if text:
                sheet.write(x, 300 + 40 * number, text)
    assert rows_of(tables(sheet)[0].html) == rows


def test_many_rows_with_empty_cells_do_not_end_a_table() -> None:
    rows = [["Item", "2026", "2025"], ["Rent", "10", "20"], ["Tax", "1", "2"], ["Wages", "5", "6"]]
    rows += [[f"Nothing {number}", "", ""] for number in range(5)]
    rows.append(["Total", "16", "28"])
    sheet = Sheet()
    for number, row in enumerate(rows):
        for x, text in zip((100, 600, 900), row, strict=True):
            if text:
                sheet.write(x, 300 + 40 * number, text)
    assert [rows_of(table.html) for table in tables(sheet)] == [rows]


def test_two_columns_of_running_text_are_no_table() -> None:
    sheet = Sheet()
    for number in range(12):
        for x in (80, 640):
            sheet.write(x, 200 + 32 * number, "the quick brown fox jumps over a lazy dog by")
    assert tables(sheet) == []


def test_a_numbered_list_is_no_table() -> None:
    lines = []
    for number in range(1, 6):
        lines.append(line(f"{number}.", 100, 100 + 40 * number, 20))
        lines.append(
            line("An item that says something at some length", 150, 100 + 40 * number, 600)
        )
    assert all(block.kind != "table" for block in page_blocks(lines, 1000, 1400))


def test_a_frame_around_text_is_no_table() -> None:
    sheet = Sheet()
    sheet.grid([60, 1180], [160, 800])
    for number in range(15):
        sheet.write(
            80, 180 + 40 * number, "It was a bright cold day in April, and the clocks were striking"
        )
    assert tables(sheet) == []


def test_text_of_a_table_cannot_be_markup() -> None:
    sheet = Sheet(800, 400)
    xs, ys = [50.0, 400.0, 750.0], [50.0, 100.0, 150.0]
    sheet.grid(xs, ys)
    filled(sheet, xs, ys, [["<b>bold</b>", "a & b"], ["</table>", "<script>"]])
    html = tables(sheet)[0].html
    assert "&lt;script&gt;" in html
    assert "a &amp; b" in html
    assert html.count("</table>") == 1
