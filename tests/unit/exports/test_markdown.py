"""Markdown that renders as the text that was read, and as nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from maoocr.exports import formats
from tests.unit.exports.samples import HOSTILE, line, page_of, result_of, texts, upright

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def rendered(*written: str) -> tuple[list[str], str]:
    """Kinds of all block tokens, and the text that a reader sees."""
    lines = [line(text, upright(0, 20 * n, 90, 20 * n + 18)) for n, text in enumerate(written)]
    source = formats["markdown"].write(result_of(page_of(*lines))).decode()
    kinds: list[str] = []
    seen: list[str] = []
    for token in RENDERER.parse(source):
        kinds.append(token.type)
        for child in token.children or ():
            kinds.append(child.type)
            seen.append("\n" if child.type == "softbreak" else child.content)
    return kinds, "".join(seen)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_renders_as_plain_paragraphs(text: str) -> None:
    kinds, _ = rendered("before", text, "after")
    assert set(kinds) <= {
        "paragraph_open",
        "inline",
        "paragraph_close",
        "text",
        "text_special",
        "softbreak",
    }


@given(st.lists(texts, min_size=1, max_size=4))
def test_any_text_renders_as_plain_paragraphs(written: list[str]) -> None:
    kinds, _ = rendered(*written)
    assert set(kinds) <= {
        "paragraph_open",
        "inline",
        "paragraph_close",
        "text",
        "text_special",
        "softbreak",
    }


@given(st.text(st.sampled_from("abc .#*_<>&;1)-+=|\\`~$[](!:")))
def test_what_is_seen_is_what_was_read(text: str) -> None:
    _, seen = rendered("x " + text + " x")
    assert seen == ("x " + text + " x")


def test_a_gap_between_lines_begins_a_paragraph() -> None:
    near = line("one", upright(0, 0, 90, 20)), line("two", upright(0, 22, 90, 42))
    far = line("three", upright(0, 100, 90, 120))
    written = formats["markdown"].write(result_of(page_of(*near, far)))
    assert written == b"one\ntwo\n\nthree\n"
