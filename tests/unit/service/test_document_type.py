import pytest

from maoocr.domain import Block, PageResult, Polygon, TextLine
from maoocr.service.document_type import document_type_of


def line(
    text: str, x: float, y: float, width: float = 0.0, height: float = 20.0, score: float = 0.99
) -> TextLine:
    right = x + (width or 10.0 * len(text))
    polygon: Polygon = ((x, y), (right, y), (right, y + height), (x, y + height))
    return TextLine(text, score, polygon, "ppocr")


def page(*lines: TextLine, blocks: tuple[Block, ...] = ()) -> PageResult:
    return PageResult(1, 1000, 1400, engine="ppocr", lines=lines, blocks=blocks)


def prose(x: float, width: float, count: int, score: float = 0.99) -> list[TextLine]:
    words = "so she was considering in her own mind"
    return [line(words, x, 100.0 + 30 * n, width, score=score) for n in range(count)]


RECEIPT = page(
    line("CITY MARKET", 100, 50),
    line("12 May 2024 10:31", 100, 80),
    *[
        piece
        for n in range(6)
        for piece in (
            line(f"Item {n}", 50, 120.0 + 30 * n),
            line(f"{n + 1}.50", 320, 120.0 + 30 * n),
        )
    ],
    line("TOTAL", 50, 320),
    line("27.00", 320, 320),
    line("CASH", 50, 350),
    line("30.00", 320, 350),
    line("CHANGE", 50, 380),
    line("3.00", 320, 380),
)
TABLE = page(
    *[
        line(f"cell {row} {column}", 50.0 + 200 * column, 100.0 + 40 * row)
        for row in range(5)
        for column in range(4)
    ]
)


@pytest.mark.parametrize(
    ("read", "document_type", "language", "evidence"),
    [
        (page(), "auto", "und", "no text"),
        (page(*prose(100, 800, 20)), "simple_text", "en", "Nothing"),
        (page(*prose(50, 420, 20), *prose(530, 420, 20)), "complex_layout", "en", "columns"),
        (page(*prose(100, 800, 8, score=0.8)), "handwriting", "en", "8 of 8 long lines"),
        (TABLE, "table", "en", "5 rows of aligned cells"),
        (RECEIPT, "receipt", "en", "9 lines end in amounts"),
        (
            page(line("∑ x_i = α + β", 10, 10), line("f(x) = x^2", 10, 40)),
            "formula",
            "mixed",
            "2 of 2 lines look like mathematics.",
        ),
        (page(line("他很高兴", 10, 10)), "simple_text", "zh", "Nothing"),
        (page(line("Он был рад", 10, 10)), "simple_text", "ru", "Nothing"),
        (page(line("Καλημέρα κόσμε, τι κάνεις", 10, 10)), "simple_text", "el", "Nothing"),
        (page(line("colour = red", 10, 10)), "simple_text", "en", "Nothing"),
    ],
)
def test_a_page_tells_what_it_is(
    read: PageResult, document_type: str, language: str, evidence: str
) -> None:
    found = document_type_of(read)
    assert (found.document_type, found.language) == (document_type, language)
    assert evidence in found.evidence[0]


@pytest.mark.parametrize("kind", ["table", "formula"])
def test_blocks_that_an_engine_found_are_believed(kind: str) -> None:
    block = Block(kind, lines=tuple(range(15)))  # type: ignore[arg-type]
    found = document_type_of(page(*prose(100, 800, 20), blocks=(block,)))
    assert found.document_type == kind


def test_one_block_of_many_lines_is_not_the_document() -> None:
    block = Block("table", lines=(1, 2, 3))
    found = document_type_of(page(*prose(100, 800, 20), blocks=(block,)))
    assert found.document_type == "simple_text"


def test_lines_without_extent_do_not_matter() -> None:
    assert document_type_of(page(line("x", 0, 0, 1e-9, 0.0))).document_type == "simple_text"
