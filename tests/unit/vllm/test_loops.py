"""A circle is noticed soon, and no page is taken for one."""

import time

import pytest

from maoocr.vllm.loops import Loop, LoopWatch

PROSE = (
    "The quick brown fox jumps over the lazy dog, while {n} other animals look on and wonder why"
    " number {m} of them does not do the same. "
)


def watched(text: str, piece: int = 4) -> Loop | None:
    watch = LoopWatch()
    for at in range(0, len(text), piece):
        loop = watch.feed(text[at : at + piece])
        if loop is not None:
            return loop
    return None


def prose(characters: int) -> str:
    text = "".join(PROSE.format(n=n, m=n * 7919 % 1000) for n in range(characters // 100 + 1))
    return text[:characters]


def row(*cells: object) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


CIRCLES = {
    "a word": "ha" * 400,
    "a word with spaces": "the " * 400,
    "a sentence": "I cannot read any more of this page. " * 30,
    "a paragraph": prose(700) * 8,
    "a line": "Total amount due on receipt\n" * 60,
    "empty cells of one row": "<tr>" + "<td></td>" * 200,
    "empty cells in OTSL": "<ecel>" * 300,
    "dots": "." * 1500,
    "spaces": "&nbsp;" * 300,
    "equal rows without an end": row("a", "b", "c") * 400,
    "a pipe table without an end": "| a | b |\n" * 600,
    "bars": "|" * 1500,
    "digits": "0" * 800,
    "short lines": "7\n" * 500,
    "LaTeX": "\\quad " * 300,
    "Chinese": "的一是不了" * 200,
}

PAGES = {
    "prose": prose(50_000),
    "an empty form": row(*[""] * 8) * 45,
    "an empty form in OTSL": ("<ecel>" * 8 + "<nl>") * 45,
    "a pipe table of nothing": ("| " * 8 + "|\n") * 45,
    "zeros": row(*["0.00"] * 6) * 30,
    "a table of numbers": "".join(row(n, n * n, n % 7) for n in range(400)),
    "a ditto column": "".join(row(n, "dito", "dito", "dito") for n in range(100)),
    "yes and no": "yes\nno\n" * 30,
    "one letter a line": "x\n" * 100,
    "contents": "".join(f"Chapter {n}" + "." * 120 + f"{n * 11}\n" for n in range(40)),
    "rules": ("_" * 80 + "\n") * 30,
    "a refrain": (prose(300) + "And so we sing, and so we sing.\n" * 4) * 2,
    "a pattern": "-=" * 120,
    "checkboxes": "☐ yes ☐ no\n" * 40,
    "a phone list": "".join(f"+49 30 {n:07d}\n" for n in range(300)),
    "a matrix": "\\begin{matrix}" + ("0 & " * 9 + "0 \\\\") * 10 + "\\end{matrix}",
}


@pytest.mark.parametrize("name", CIRCLES)
@pytest.mark.parametrize("piece", [1, 5, 300])
def test_a_circle_is_noticed(name: str, piece: int) -> None:
    before = prose(900)
    loop = watched(before + CIRCLES[name], piece)
    assert loop is not None
    assert loop.start >= len(before) - loop.period - 1


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_no_circle(name: str) -> None:
    assert watched(PAGES[name]) is None
    assert watched(prose(900) + PAGES[name] + prose(300), 7) is None


@pytest.mark.parametrize("sentence", ["Again and again and now once more. ", "la " * 11])
def test_it_is_noticed_within_a_few_rounds(sentence: str) -> None:
    watch, text = LoopWatch(), prose(500)
    watch.feed(text)
    rounds = next(n for n in range(1, 100) if watch.feed(sentence) is not None)
    assert rounds <= 20


def test_the_first_round_is_known() -> None:
    before, unit = prose(1000) + "§", "This is what it says. "
    loop = watched(before + unit * 100)
    assert loop == Loop(len(before), len(unit))


def test_a_long_text_costs_little() -> None:
    """A look scans a window of fixed size: ten times the text is ten times the work."""
    text = prose(400_000)
    begun = time.process_time()
    assert watched(text, 4) is None
    assert time.process_time() - begun < 4.0
