from dataclasses import replace

from maoocr.domain import Block, PageResult, Polygon, Spent, TextLine
from maoocr.service.alignment import aligned

WHOLE: Polygon = ((0.0, 0.0), (100.0, 0.0), (100.0, 200.0), (0.0, 200.0))


def place(row: int) -> Polygon:
    return (5.0, 10.0 * row), (95.0, 10.0 * row), (95.0, 10.0 * row + 8), (5.0, 10.0 * row + 8)


def detected(*texts: str, score: float = 0.9) -> PageResult:
    lines = tuple(TextLine(text, score, place(row), "ppocr") for row, text in enumerate(texts))
    return PageResult(1, 100, 200, 90, engine="ppocr", lines=lines, decode_s=1.0, queue_s=0.5)


def said(*texts: str, **more: object) -> PageResult:
    lines = tuple(TextLine(t, 0.9, WHOLE, "vlm", polygon_source="page") for t in texts)
    return PageResult(1, 100, 200, engine="vlm", lines=lines, decode_s=2.0, **more)  # type: ignore[arg-type]


def test_a_line_gets_the_place_of_the_one_that_says_the_same() -> None:
    page = aligned(
        said("Seeond line here", "First line there"),
        detected("First line there", "Second line here"),
    )
    assert [line.polygon for line in page.lines] == [place(1), place(0)]
    assert {line.polygon_source for line in page.lines} == {"matched"}
    assert page.lines[1].score == 0.9
    assert page.lines[0].score < 0.9
    assert (page.rotation_deg, page.decode_s, page.queue_s) == (90, 3.0, 0.5)


def test_a_paragraph_gets_the_place_of_all_lines_that_it_joins() -> None:
    page = aligned(
        said("It was the best of times, it was the worst of times"),
        detected("It was the best of times,", "it was the worst of times", "another thing"),
    )
    assert page.lines[0].polygon == ((5.0, 0.0), (95.0, 0.0), (95.0, 18.0), (5.0, 18.0))


def test_a_part_of_a_line_gets_the_place_of_the_line() -> None:
    page = aligned(said("Total"), detected("Total 12.50", "Tax 1.00"))
    assert page.lines[0].polygon == place(0)


def test_a_sentence_that_no_line_supports_is_flagged() -> None:
    page = aligned(
        said("Invoice number 12345", "Please call our hotline today"),
        detected("Invoice number 12345", "Amount due 99.00"),
    )
    assert [line.flags for line in page.lines] == [(), ("unsupported",)]
    assert page.lines[1].score == 0.5
    assert page.lines[1].polygon_source == "page"
    assert page.flags == ("unsupported",)


def test_formulas_are_not_held_against_lines_of_text() -> None:
    block = Block("formula", "E = m c^{2}", None, (0,), latex="E = m c^{2}")
    page = aligned(said("E = m c^{2}", blocks=(block,)), detected("unlike it"))
    assert page.lines[0].flags == ()


def test_short_pieces_and_empty_pages_raise_no_doubts() -> None:
    assert aligned(said("7"), detected("x")).flags == ()
    assert aligned(said(), detected()).lines == ()
    assert aligned(said(), detected("left out")).flags == ()


def test_scripts_without_spaces_are_matched_too() -> None:
    page = aligned(said("子曰学而时习之", "不亦说乎"), detected("子曰：学而时习之", "不亦说乎"))
    assert [line.polygon for line in page.lines] == [place(0), place(1)]


def test_what_both_cost_is_told() -> None:
    page = aligned(said("a", spent=Spent("e", 1, 2, 3, 0.5)), detected("a"))
    assert page.spent == Spent("e", 1, 2, 3, 0.5)


def test_a_page_without_most_of_what_was_detected_is_flagged() -> None:
    found = detected("Invoice number 12345", "Amount due 99.00", "Payable in thirty days")
    assert aligned(said(), found).flags == ("incomplete",)
    assert aligned(said("Invoice number 12345"), found).flags == ("incomplete",)
    assert aligned(said("Invoice number 12345", "Payable in thirty days"), found).flags == ()


def test_what_the_detector_was_not_sure_of_may_be_left_out() -> None:
    assert aligned(said(), detected("l1|I! il", "~~ ---", score=0.6)).flags == ()
    assert aligned(said(), detected("ab", "c")).flags == ()


def test_beside_a_formula_more_may_be_left_out_but_not_everything() -> None:
    found = detected("Theorem of the day", "a squared plus b squared", "is c squared here")
    block = Block("formula", "a^{2} + b^{2} = c^{2}", None, (1,), latex="a^{2} + b^{2} = c^{2}")
    read = said("Theorem of the day", "a^{2} + b^{2} = c^{2}", blocks=(block,))
    assert aligned(read, found).flags == ()
    alone = replace(block, lines=(0,))
    assert aligned(said("a^{2} + b^{2} = c^{2}", blocks=(alone,)), found).flags == ("incomplete",)
