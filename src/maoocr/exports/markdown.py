"""Markdown: CommonMark with the tables and the mathematics that GitHub understands."""

import re
from collections.abc import Iterator, Sequence
from html import escape

from ..domain import Block, OcrResult, PageResult
from .characters import one_line
from .geometry import paragraphs
from .html_table import TableCell, table_rows

__all__ = ["markup_of", "write_markdown"]

# What CommonMark, GFM tables, strikethrough and $math$ could take for markup. An ampersand is one
# only where an entity may follow.
_MARKUP = re.compile(r"[\\`*_\[\]<>|~$]|&(?=[#0-9A-Za-z])")
_LINE_START = re.compile(r"(?P<mark>[-+=#:])|(?P<number>\d+)(?P<stop>[.)])")
_ORDERED = re.compile(r"^(\d{1,9})[.)]\s+")
_FENCE = re.compile(r"`{3,}")
_UNSAFE_LATEX = re.compile(r"\\?\$|[<>]")
_LATEX = {"<": r"\lt ", ">": r"\gt "}

MOST_LEVELS = 6


def write_markdown(result: OcrResult) -> bytes:
    """The blocks of each page, or paragraphs found by the lines' distances where there are none.

    A rule stands between pages; a failed page says why. Every character of the text is escaped
    where it could be markup or HTML. A table whose cells span is written as HTML, with nothing but
    its cells and their text. Numbers of pages are left out.
    """
    pages = [text for page in result.pages if (text := _page(page))]
    return ("\n\n---\n\n".join(pages) + "\n").encode() if pages else b""


def _page(page: PageResult) -> str:
    if page.error:
        return f"> Page {page.number} was not read: {_escaped(page.error.message)}"
    if page.blocks:
        return "\n\n".join(_written(page.blocks))
    return "\n\n".join(
        "\n".join(text for line in group if (text := _escaped(line.text)))
        for group in paragraphs(page.lines)
    )


def _written(blocks: Sequence[Block]) -> Iterator[str]:
    """Each block, items of one list together."""
    items: list[str] = []
    for block in blocks:
        if block.kind == "list":
            items += _item(block)
            continue
        if items:
            yield "\n".join(items)
            items = []
        if text := _block(block):
            yield text
    if items:
        yield "\n".join(items)


def _item(block: Block) -> list[str]:
    indent = "   " * (max(1, min(MOST_LEVELS, block.level)) - 1)
    text = one_line(block.text).strip()
    number = _ORDERED.match(text)
    mark = f"{number[1]}." if number else "-"
    rest = _escaped(text[number.end() :] if number else text)
    return [f"{indent}{mark} {rest}"] if rest else []


def _block(block: Block) -> str:
    match block.kind:
        case "title":
            return _heading(block, 1)
        case "heading":
            return _heading(block, max(1, min(MOST_LEVELS, block.level)))
        case "table":
            return _table(block)
        case "formula":
            return _formula(block)
        case "code":
            return _code(block.text)
        case "page_number":
            return ""
        case _:
            return _lines(block.text)


def _heading(block: Block, level: int) -> str:
    text = _escaped(block.text)
    return f"{'#' * level} {text}" if text else ""


def _lines(text: str) -> str:
    return "\n".join(line for part in text.splitlines() if (line := _escaped(part)))


def _formula(block: Block) -> str:
    if not block.latex:
        return _lines(block.text)
    # A dollar sign would end the formula, and what follows would be read as Markdown.
    latex = _UNSAFE_LATEX.sub(lambda found: _LATEX.get(found[0], r"\char36 "), block.latex)
    body = "\n".join(line for part in latex.splitlines() if (line := one_line(part).strip()))
    return f"$$\n{body}\n$$" if body else ""


def _code(text: str) -> str:
    lines = [one_line(line.replace("\t", "    ")) for line in text.splitlines()]
    longest = max((len(found) for line in lines for found in _FENCE.findall(line)), default=2)
    fence = "`" * (longest + 1)
    return "\n".join([fence, *lines, fence])


def _table(block: Block) -> str:
    rows = table_rows(block.html)
    if not rows:
        return _lines(block.text)
    width = len(rows[0])
    plain = all(cell.rowspan == cell.colspan == 1 for row in rows for cell in row)
    if not plain or any(len(row) != width for row in rows):
        return markup_of(rows)
    head, *body = [
        f"| {' | '.join(_escaped(cell.text, start=False) for cell in row)} |" for row in rows
    ]
    return "\n".join([head, "|" + " --- |" * width, *body])


def markup_of(rows: Sequence[Sequence[TableCell]]) -> str:
    """The cells as one HTML table on one line, with no attribute but their spans."""
    written = ("".join(_cell(cell) for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in written)}</table>"


def _cell(cell: TableCell) -> str:
    tag = "th" if cell.is_heading else "td"
    spans = f' rowspan="{cell.rowspan}"' if cell.rowspan > 1 else ""
    spans += f' colspan="{cell.colspan}"' if cell.colspan > 1 else ""
    return f"<{tag}{spans}>{escape(one_line(cell.text))}</{tag}>"


def _escaped(text: str, *, start: bool = True) -> str:
    """The text on one line, where `start` says that it begins one."""
    marked = _MARKUP.sub(r"\\\g<0>", one_line(text).strip())
    if start and (found := _LINE_START.match(marked)):
        cut = found.start("mark") if found["mark"] else found.start("stop")
        marked = f"{marked[:cut]}\\{marked[cut:]}"
    return marked
