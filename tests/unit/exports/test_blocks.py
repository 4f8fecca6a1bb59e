"""Blocks in Markdown, HTML and JSON, and back."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maoocr.client.reply import reply_from_json
from maoocr.domain import Block, OcrResult, PageResult, Selection, Spent, TextLine
from maoocr.exports import encode_json, formats, page_object, result_object
from maoocr.exports import result_of as read_back
from maoocr.exports.html_table import TableCell, table_rows
from maoocr.web.schemas import RecognizeReply
from tests.unit.exports.samples import HOSTILE, SAMPLE, line, page_of, result_of, texts, upright

TABLE = "<table><tr><td>Name</td><td>Tons</td></tr><tr><td>a|b</td><td>1 &lt; 2</td></tr></table>"
SPANS = '<table><tr><td colspan="2">all</td></tr><tr><td>x</td><td>y</td></tr></table>'


def result(*blocks: Block) -> OcrResult:
    page = page_of(line("a line", upright(0, 0, 50, 10)))
    return result_of(replace(page, blocks=blocks))


def markdown(*blocks: Block) -> str:
    return formats["markdown"].write(result(*blocks)).decode()


def webpage(*blocks: Block) -> str:
    html = formats["html"].write(result(*blocks)).decode()
    return html[html.index('<section id="page-1">') + 22 : html.index("</section>")].strip()


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (Block("title", "A day"), "# A day\n"),
        (Block("heading", "1. Be*gin", level=3), "### 1\\. Be\\*gin\n"),
        (Block("text", "one\ntwo"), "one\ntwo\n"),
        (Block("text", "# no heading"), "\\# no heading\n"),
        (Block("table", html=TABLE), "| Name | Tons |\n| --- | --- |\n| a\\|b | 1 \\< 2 |\n"),
        (Block("table", html=SPANS), SPANS + "\n"),
        (Block("table", "only text"), "only text\n"),
        (Block("formula", "E", latex="E = mc^2"), "$$\nE = mc^2\n$$\n"),
        (Block("formula", "E", latex="a$$\n\n<b>"), "$$\na\\char36 \\char36\n\\lt b\\gt\n$$\n"),
        (Block("code", "x = 1\n```\ny"), "````\nx = 1\n```\ny\n````\n"),
        (Block("page_number", "7"), ""),
        (Block("header", "Annual report"), "Annual report\n"),
    ],
)
def test_each_kind_has_its_markdown(block: Block, expected: str) -> None:
    if not expected:
        assert markdown(block, Block("text", "x")) == "x\n"
    else:
        assert markdown(block) == expected


def test_items_of_a_list_stand_together_with_their_depth_and_numbers() -> None:
    items = [
        Block("list", "Paper", level=1),
        Block("list", "- lined", level=2),
        Block("list", "2) pens", level=1),
    ]
    assert markdown(*items, Block("text", "end")) == "- Paper\n   - \\- lined\n2. pens\n\nend\n"
    assert webpage(*items).count("<li") == 3
    assert webpage(*items).count("<ul>") == 1


def test_a_page_of_html_says_what_each_part_is() -> None:
    html = webpage(
        Block("title", "A <day>"),
        Block("heading", "Be&gin", level=2),
        Block("text", "one\ntwo"),
        Block("table", html=TABLE),
        Block("footer", "foot"),
    )
    assert html.splitlines() == [
        "<h1>A &lt;day&gt;</h1>",
        "<h2>Be&amp;gin</h2>",
        "<p>one<br>two</p>",
        "<table><tr><td>Name</td><td>Tons</td></tr><tr><td>a|b</td><td>1 &lt; 2</td></tr></table>",
        "<footer>foot</footer>",
    ]


def test_without_blocks_a_page_of_html_has_paragraphs_and_failures() -> None:
    html = formats["html"].write(SAMPLE).decode()
    assert "<p>Hello wide world<br>second line</p>" in html
    assert "Page 2 was not read: The lane died twice." in html


_kinds = st.sampled_from(["text", "title", "heading", "list", "table", "formula", "code", "figure"])
_blocks = st.lists(
    st.builds(
        Block,
        kind=_kinds,
        text=texts,
        html=st.one_of(texts, st.just(TABLE), texts.map(lambda t: f"<table><tr><td>{t}")),
        latex=texts,
        level=st.integers(0, 9),
    ),
    min_size=1,
    max_size=4,
)


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


@given(_blocks)
def test_no_text_becomes_an_element_of_the_page(blocks: list[Block]) -> None:
    elements = Elements()
    elements.feed(webpage(*blocks))
    assert elements.found <= {
        *("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "li", "table", "tr", "td", "th"),
        *("pre", "code", "br", "figure"),
    }
    assert elements.attributes <= {"style", "rowspan", "colspan"}


@given(_blocks)
def test_markdown_has_no_html_but_tables(blocks: list[Block]) -> None:
    written = markdown(*(b for b in blocks if b.kind not in {"code", "formula"}))
    elements = Elements()
    # What a backslash stands before is text.
    elements.feed(written.replace("\\\\", "").replace("\\<", "").replace("\\&", ""))
    assert elements.found <= {"table", "tr", "td", "th"}
    assert elements.attributes <= {"rowspan", "colspan"}


@pytest.mark.parametrize(
    ("html", "rows"),
    [
        (TABLE, [["Name", "Tons"], ["a|b", "1 < 2"]]),
        ("<table><tr><td>a<td>b<tr><td>c", [["a", "b"], ["c"]]),
        ("<td>lone</td>", [["lone"]]),
        ("<table><tr><td><b>a</b><br>b<script>x</script></td></tr></table>", [["a b"]]),
        ("no table", []),
        ("", []),
    ],
)
def test_any_html_gives_the_rows_that_are_in_it(html: str, rows: list[list[str]]) -> None:
    assert [[cell.text for cell in row] for row in table_rows(html)] == rows


@pytest.mark.parametrize("span", ["0", "-1", "x", "", "99999", "²"])
def test_spans_that_make_no_sense_are_bounded(span: str) -> None:
    (row,) = table_rows(f'<table><tr><th colspan="{span}">a</th></tr></table>')
    assert row == [TableCell("a", is_heading=True)]


FULL = replace(
    result_of(
        PageResult(
            number=1,
            width=100,
            height=50,
            engine="vlm",
            lines=(
                TextLine("a", 0.5, upright(0, 0, 9, 9), "vlm", None, "matched", ("reread",)),
                line("b", upright(0, 20, 9, 29)),
            ),
            blocks=(
                Block("heading", "a", upright(0, 0, 9, 9), (0,), level=2),
                Block("table", "b", None, (1,), html=TABLE),
                Block("formula", "c", latex="c", flags=("malformed",)),
            ),
            flags=("truncated", "fallback"),
            spent=Spent("cloud", 2, 1000, 50, 0.01),
        )
    ),
    selection=Selection("vlm", ("Because.",), ("ppocr",), (("paddle", "It is absent."),), "vlm"),
)


def test_everything_is_read_back_from_json() -> None:
    assert read_back(json.loads(formats["json"].write(FULL))) == FULL
    answer = {**result_object(FULL), "request_id": "r"}
    RecognizeReply.model_validate_json(encode_json(answer))
    assert reply_from_json(encode_json(answer)).result == FULL


def test_everything_is_read_back_from_the_cache() -> None:
    packed = msgspec.msgpack.encode(FULL)
    assert msgspec.msgpack.decode(packed, type=OcrResult) == FULL


def test_what_a_page_does_not_have_is_not_in_its_json() -> None:
    page = page_object(SAMPLE.pages[0])
    assert not {"blocks", "flags", "spent", "error"} & set(page)
    assert not {"flags", "polygon_source"} & set(page["lines"][0])
    assert set(result_object(SAMPLE)["selection"]) == {"engine", "reasons", "fallbacks"}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_a_cell(text: str) -> None:
    from html import escape

    block = Block("table", html=f"<table><tr><td>{escape(text)}</td><td>b</td></tr></table>")
    assert markdown(block).count("\n") == 2
