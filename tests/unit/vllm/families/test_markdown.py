"""What was read of Markdown suffices to write it again; HTML, OTSL and LaTeX are cleaned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maoocr.vllm.families.base import ParsedBlock
from maoocr.vllm.families.html_table import read_html_table
from maoocr.vllm.families.inline import plain
from maoocr.vllm.families.latex import is_balanced, read_formula
from maoocr.vllm.families.markdown import read_markdown

WORDS = st.lists(
    st.text(st.sampled_from("abcdefgxyzäß茶"), min_size=1, max_size=8), min_size=1, max_size=6
).map(" ".join)
CELLS = st.lists(st.lists(WORDS, min_size=2, max_size=2), min_size=1, max_size=4)
BLOCKS = st.lists(
    st.one_of(
        WORDS.map(lambda text: ParsedBlock("text", text)),
        st.builds(lambda text, n: ParsedBlock("heading", text, level=n), WORDS, st.integers(1, 6)),
        WORDS.map(lambda text: ParsedBlock("list", text, level=1)),
        WORDS.map(lambda text: ParsedBlock("code", text)),
        WORDS.map(lambda text: ParsedBlock("formula", text, latex=text)),
        st.builds(
            lambda rows: ParsedBlock(
                "table",
                "\n".join("\t".join(row) for row in rows),
                html="<table>"
                + "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
                + "</table>",
            ),
            CELLS,
        ),
    ),
    max_size=8,
)


def written(block: ParsedBlock) -> str:
    match block.kind:
        case "heading":
            return f"{'#' * block.level} {block.text}"
        case "list":
            return f"{'  ' * (block.level - 1)}- {block.text}"
        case "code":
            return f"```\n{block.text}\n```"
        case "formula":
            return f"$$\n{block.latex}\n$$"
        case "table":
            return block.html
        case _:
            return block.text


@given(BLOCKS)
def test_blocks_that_are_written_are_read_again(blocks: list[ParsedBlock]) -> None:
    reading = read_markdown("\n\n".join(map(written, blocks)))
    assert reading.blocks == blocks
    assert reading.flags == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("**a** and *b* and ***c***", "a and b and c"),
        ("这是**重点**内容", "这是重点内容"),
        ("2*3*4 and a_b_c", "2*3*4 and a_b_c"),
        (r"\*not\* 5\_6", "*not* 5_6"),
        ("$a_1*b_2*c$ and _d_", "$a_1*b_2*c$ and d"),
        ("from $5 to $6 *each*", "from $5 to $6 each"),
        ("x < y &amp; z", "x < y & z"),
        ("m<sup>2</sup>, H<sub>2</sub>O, e<sup>ix</sup>", "m², H₂O, eix"),
        ("[text](javascript:alert(1))", "[text](javascript:alert(1))"),
        ("a<br>b", "a\nb"),
    ],
)
def test_marks_go_and_words_stay(source: str, words: str) -> None:
    assert plain(source) == words


@pytest.mark.parametrize(
    ("source", "html", "flags"),
    [
        ("<table><tr><td>a</table>", "<table><tr><td>a</td></tr></table>", []),
        ("<table><td>a<td>b</table>", "<table><tr><td>a</td><td>b</td></tr></table>", []),
        (
            "<table><tr><td rowspan='99' colspan=0>a</td></tr></table>",
            "<table><tr><td>a</td></tr></table>",
            [],
        ),
        (
            '<table><tr><td colspan="100000">a</td></tr></table>',
            '<table><tr><td colspan="500">a</td></tr></table>',
            ["malformed"],
        ),
        (
            "<table><tr><td>a &lt;script&gt;alert(1)&lt;/script&gt;</td></tr></table>",
            "<table><tr><td>a &lt;script&gt;alert(1)&lt;/script&gt;</td></tr></table>",
            [],
        ),
        (
            "<table><tr><td><img src=x onerror=alert(1)>a</td></tr></table>",
            "<table><tr><td>a</td></tr></table>",
            [],
        ),
        ("<table><tr><td>a", "<table><tr><td>a</td></tr></table>", ["truncated"]),
        ("<table></table>", "", []),
    ],
)
def test_tables_are_closed_and_cleaned(source: str, html: str, flags: list[str]) -> None:
    table, found = read_html_table(source)
    assert table.html == html
    assert found == flags


@pytest.mark.parametrize(
    ("source", "latex", "is_sound"),
    [
        ("$$x$$", "x", True),
        (r"\(x\)", "x", True),
        (r"\begin{equation} x \end{equation}", "x", True),
        (r"\left( x \right)", r"\left( x \right)", True),
        (r"\left( x", r"\left( x", False),
        (r"\begin{matrix} x", r"\begin{matrix} x", False),
        (r"\{ x", r"\{ x", True),
        ("$$x", "x", False),
        (r"\href{javascript:x}{y}", r"\href{javascript:x}{y}", False),
    ],
)
def test_formulas_lose_their_delimiters(source: str, latex: str, is_sound: bool) -> None:
    assert read_formula(source) == (latex, is_sound)


@given(st.text(st.sampled_from("{}\\ab"), max_size=40))
def test_what_is_balanced_stays_so_in_braces(text: str) -> None:
    if is_balanced(text) and not text.endswith("\\"):
        assert is_balanced("{" + text + "}")
