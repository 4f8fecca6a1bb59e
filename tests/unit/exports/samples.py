"""Results to write: one by hand, and any at all for properties."""

from hypothesis import strategies as st

from maoocr.domain import (
    OcrResult,
    PageError,
    PageResult,
    Polygon,
    Selection,
    TextLine,
    Timings,
    Word,
)


def upright(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def line(text: str, polygon: Polygon, score: float = 0.9) -> TextLine:
    return TextLine(text=text, score=score, polygon=polygon, engine="ppocr")


def result_of(*pages: PageResult) -> OcrResult:
    return OcrResult(
        pages=pages,
        pages_total=len(pages),
        selection=Selection(engine="ppocr", reasons=("default",)),
        timings=Timings(upload_s=0.01, total_s=0.5),
        language="en",
    )


def page_of(*lines: TextLine, number: int = 1) -> PageResult:
    return PageResult(number=number, width=400, height=300, engine="ppocr", lines=lines)


SAMPLE = result_of(
    page_of(
        TextLine(
            text="Hello wide world",
            score=0.9876,
            polygon=((10.0, 20.4), (210.0, 10.0), (211.0, 30.0), (11.0, 40.4)),
            engine="ppocr",
            words=(
                Word("Hello", 0.99, upright(10.0, 18.0, 60.0, 40.0)),
                Word("wide", 0.98, upright(70.0, 16.0, 110.0, 38.0)),
                Word("world", 0.97, upright(120.0, 12.0, 211.0, 36.0)),
            ),
        ),
        line("second line", upright(12.0, 45.0, 180.0, 65.0), 0.5),
        line("far below", upright(12.0, 200.0, 180.0, 220.0), 1.0),
    ),
    PageResult(number=2, error=PageError("engine_lost", "The lane died twice.", True)),
    page_of(line("=1+1", upright(-2.0, 10.0, 50.0, 30.0), 0.75), number=3),
)
"""Two pages and one that failed; skewed and flat lines, words, a paragraph break, a formula."""


HOSTILE = [
    "<script>alert(1)</script>",
    "]]>",
    "<!--",
    "&amp;&#65;&lt;",
    "\x1b[31mred\x1b[0m \x00 \x9b2J",
    "\ud800 lone \udfff",
    "\ufffe\uffff",
    "a\nb\rc\u2028d\u2029e\x85f\x0bg",
    '=HYPERLINK("http://x","y")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\uff1d1",
    "\u202eright to left override",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0643",
    "# heading",
    "1. item",
    "- item",
    "| a | b |",
    "---",
    "```",
    "**bold** _it_ `code` ~~no~~ $x$",
    "[link](javascript:alert(1))",
    "![image](x)",
    "    indented",
    "\\",
    "&copy;",
    "",
    " ",
]

_coordinate = st.floats(min_value=-50, max_value=5000, allow_nan=False).map(lambda v: round(v, 2))
_polygon = st.tuples(*[st.tuples(_coordinate, _coordinate)] * 4)
_score = st.floats(min_value=0, max_value=1)
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(), max_size=30),
    st.text(st.sampled_from("=+-@<>&]*_`#|[]()!\\~$:.0123456789 \n\tab"), max_size=12),
)
words = st.builds(Word, text=texts, score=_score, polygon=_polygon)
lines = st.builds(
    TextLine,
    text=texts,
    score=_score,
    polygon=_polygon,
    engine=st.just("ppocr"),
    words=st.none() | st.lists(words, max_size=3).map(tuple),
)


@st.composite
def results(draw: st.DrawFn) -> OcrResult:
    count = draw(st.integers(min_value=1, max_value=3))
    pages = tuple(
        PageResult(
            number=number,
            width=draw(st.integers(0, 5000)),
            height=draw(st.integers(0, 5000)),
            engine="ppocr",
            lines=draw(st.lists(lines, max_size=4).map(tuple)),
        )
        if draw(st.booleans())
        else PageResult(number=number, error=PageError("engine_fault", draw(texts), False))
        for number in range(1, count + 1)
    )
    return result_of(*pages)
