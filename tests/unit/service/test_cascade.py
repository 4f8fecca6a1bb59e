from dataclasses import replace

import pytest

from maoocr.domain import Block, PageResult, Polygon, Spent, TextLine, Word
from maoocr.service.cascade import Rereading, merged, rereading_of

FIRST, SECOND = "ppocr", "vlm"


def place(row: int) -> Polygon:
    y = 20.0 * row
    return (10.0, y), (210.0, y), (210.0, y + 16), (10.0, y + 16)


def line(row: int, text: str, score: float, words: tuple[Word, ...] | None = None) -> TextLine:
    return TextLine(text, score, place(row), FIRST, words)


def page(*lines: TextLine, **more: object) -> PageResult:
    return PageResult(1, 220, 400, engine=FIRST, lines=lines, **more)  # type: ignore[arg-type]


def sure(rows: int) -> list[TextLine]:
    return [line(row, f"a certain line number {row}", 0.99) for row in range(rows)]


def answers(*texts: str, spent: Spent | None = None) -> PageResult:
    return PageResult(1, engine=SECOND, blocks=tuple(Block("text", t) for t in texts), spent=spent)


BAD = line(12, "Tota1 arnount 1O,50", 0.8)


def test_a_page_that_was_read_well_is_left_alone() -> None:
    assert rereading_of(page(*sure(12)), 0.0) is None


def test_a_text_layer_is_never_doubted() -> None:
    assert rereading_of(page(BAD, source="text_layer"), 0.99) is None


def test_the_lines_with_most_likely_errors_go_with_some_that_are_certain() -> None:
    rereading = rereading_of(page(*sure(12), BAD), 0.0)
    assert rereading is not None
    assert rereading.doubtful == (12,)
    assert len(rereading.controls) == 2
    assert max(rereading.controls) < 12


def test_a_long_line_is_doubted_at_a_score_at_which_a_short_one_is_not() -> None:
    long, short = line(0, "x" * 60, 0.98), line(1, "12", 0.9)
    rereading = rereading_of(page(long, short, *sure(20)[2:]), 0.0)
    assert rereading is not None
    assert rereading.doubtful == (0,)


def test_the_callers_score_goes_before_the_share() -> None:
    lines = [line(row, "some words", 0.9 + row / 1000) for row in range(40)]
    rereading = rereading_of(page(*lines), 0.92)
    assert rereading is not None
    assert sorted(rereading.doubtful) == list(range(20))


def test_the_focus_has_the_lines_the_controls_and_the_tables_in_this_order() -> None:
    table = Block("table", "a", place(3), (2,), "<table></table>")
    focus = Rereading((2,), (0,), (0,)).focus(page(*sure(3), blocks=(table,), rotation_deg=90))
    assert focus.rotation_deg == 90
    assert [region.polygon for region in focus.regions] == [place(2), place(0), place(3)]
    assert [region.task for region in focus.regions] == ["text", "text", "table"]


def read_again(first: PageResult, *texts: str) -> PageResult:
    rereading = rereading_of(first, 0.0)
    assert rereading is not None
    told = [*texts, *(first.lines[i].text for i in rereading.controls)]
    return merged(first, rereading, answers(*told))


def test_the_better_text_stands_at_the_old_place_and_names_its_reader() -> None:
    better = read_again(page(*sure(12), BAD), "Total amount 10,50").lines[12]
    assert better == TextLine("Total amount 10,50", 0.9, BAD.polygon, SECOND, flags=("reread",))


def test_a_line_that_both_read_alike_stays_the_firsts_and_is_surer() -> None:
    same = read_again(page(*sure(12), BAD), "tota1 arnount 1O,50").lines[12]
    assert (same.text, same.engine, same.score) == (BAD.text, FIRST, 0.98)
    assert same.flags == ("reread",)


@pytest.mark.parametrize(
    "told", ["", "The quick brown fox jumps over it", "To", BAD.text * 3, "I cannot read this."]
)
def test_what_does_not_resemble_the_line_is_not_believed(told: str) -> None:
    kept = read_again(page(*sure(12), BAD), told).lines[12]
    assert kept == replace(BAD, flags=("doubtful",))


def test_a_part_that_the_model_could_not_finish_is_not_believed() -> None:
    first = page(*sure(12), BAD)
    cut = Block("text", "Total amount 10,50", flags=("truncated",))
    answer = PageResult(1, engine=SECOND, blocks=(cut, Block("text", first.lines[0].text)))
    assert merged(first, Rereading((12,), (0,)), answer).lines[12].text == BAD.text


def test_a_model_that_misreads_what_is_certain_is_not_believed_about_the_rest() -> None:
    first = page(*sure(12), BAD)
    answer = answers("Total amount 10,50", "something else entirely")
    page_after = merged(first, Rereading((12,), (0,)), answer)
    assert page_after.lines[12] == replace(BAD, flags=("doubtful",))
    assert page_after.lines[:12] == first.lines[:12]
    assert page_after.flags == ("unsupported",)


def test_a_page_of_many_doubts_has_more_controls_and_one_without_certainties_none() -> None:
    bad = [line(row, "some words that may be wrong", 0.7) for row in range(9)]
    many = rereading_of(page(*bad, *(line(9 + row, f"certain {row}", 0.99) for row in range(9))), 0)
    none = rereading_of(page(*bad), 0)
    assert many is not None
    assert none is not None
    assert len(many.controls) == 3
    assert none.controls == ()


@pytest.mark.parametrize(("changed", "is_believed"), [(0, True), (1, True), (4, False)])
def test_a_careless_model_is_told_by_its_errors_in_certain_lines(
    changed: int, is_believed: bool
) -> None:
    first = page(*sure(12), BAD)
    certain = first.lines[0].text
    spoiled = "#" * changed + certain[changed:]
    answer = answers("Total amount 10,50", spoiled, first.lines[1].text)
    after = merged(first, Rereading((12,), (0, 1)), answer)
    assert (after.lines[12].flags == ("reread",)) == is_believed


@pytest.mark.parametrize(("changed", "is_believed"), [(0, True), (1, True), (4, False)])
def test_where_hardly_a_line_is_certain_the_surest_doubtful_ones_speak_too(
    changed: int, is_believed: bool
) -> None:
    doubtful = [line(row, f"a line that is nearly certain {row}", 0.93) for row in range(3)]
    first = page(*doubtful, BAD, line(13, "certain", 0.99))
    spoiled = ["#" * changed + one.text[changed:] for one in doubtful]
    answer = answers(*spoiled, "Total amount 10,50", "certain")
    after = merged(first, Rereading((0, 1, 2, 3), (4,)), answer)
    assert (after.lines[3].flags == ("reread",)) == is_believed
    assert (after.flags == ("unsupported",)) != is_believed


def test_a_short_doubtful_line_alone_speaks_for_nothing() -> None:
    first = page(line(0, "INV0ICE N0. 12", 0.93))
    after = merged(first, Rereading((0,), ()), answers("INVOICE NO. 12"))
    assert after.lines[0].text == "INVOICE NO. 12"
    assert after.flags == ()


def test_an_answer_with_too_few_parts_changes_nothing_but_the_marks() -> None:
    first = page(*sure(12), BAD)
    after = merged(first, Rereading((12,), (0,)), answers("Total amount 10,50"))
    assert [x.text for x in after.lines] == [x.text for x in first.lines]
    assert after.lines[12].flags == ("doubtful",)


def test_words_of_a_new_text_lie_along_the_line() -> None:
    worded = replace(BAD, words=(Word("Tota1", 0.8, BAD.polygon),))
    words = read_again(page(*sure(12), worded), "Total amount 10,50").lines[12].words
    assert words is not None
    assert [word.text for word in words] == ["Total", "amount", "10,50"]
    lefts = [word.polygon[0][0] for word in words]
    assert lefts == sorted(lefts)
    assert words[-1].polygon[1] == BAD.polygon[1]


def test_blocks_say_what_their_lines_say_now() -> None:
    block = Block("text", f"before {BAD.text} after", lines=(12,))
    table = Block("table", BAD.text, None, (12,), f"<table><td>{BAD.text}</td></table>")
    after = read_again(page(*sure(12), BAD, blocks=(block, table)), "Total amount 10,50")
    assert after.blocks[0].text == "before Total amount 10,50 after"
    assert after.blocks[1].html == "<table><td>Total amount 10,50</td></table>"


def test_a_table_is_taken_where_it_holds_what_was_read() -> None:
    table = Block("table", "Tota1 arnount 1O,50", place(12), (12,), "<table>old</table>")
    first = page(*sure(12), BAD, blocks=(table,))
    rereading = rereading_of(first, 0.0)
    assert rereading is not None
    assert rereading.tables == (0,)
    controls = [Block("text", first.lines[i].text) for i in rereading.controls]
    line_, good = Block("text", "Total amount 10,50"), "<table>new</table>"
    for text, html in (("Total amount 10,50", good), ("nothing like it at all", "")):
        told = Block("table", text, html=good)
        answer = PageResult(1, engine=SECOND, blocks=(line_, *controls, told))
        after = merged(first, rereading, answer)
        assert (after.blocks[0].html == html) == bool(html)


def test_what_both_readings_cost_is_summed() -> None:
    first = page(*sure(12), BAD, spent=Spent("a", 1, 10, 5, 0.5))
    answer = answers("x", first.lines[0].text, spent=Spent("b", 2, 1, 1, 0.25))
    assert merged(first, Rereading((12,), (0,)), answer).spent == Spent("a,b", 3, 11, 6, 0.75)
