"""Plain text and Markdown."""

import re

from ..domain import OcrResult, PageResult
from .characters import one_line
from .geometry import paragraphs

__all__ = ["write_markdown", "write_text"]

# What CommonMark, GFM tables, strikethrough and $math$ could take for markup. An ampersand is one
# only where an entity may follow.
_MARKUP = re.compile(r"[\\`*_\[\]<>|~$]|&(?=[#0-9A-Za-z])")
_LINE_START = re.compile(r"(?P<mark>[-+=#:])|(?P<number>\d+)(?P<stop>[.)])")


def write_text(result: OcrResult) -> bytes:
    """The lines, one below the other, an empty line between pages; nothing for failed pages."""
    pages = ["\n".join(one_line(line.text) for line in page.lines) for page in result.pages]
    return _joined("\n\n", [page for page in pages if page])


def write_markdown(result: OcrResult) -> bytes:
    """Paragraphs found by the lines' distances, a rule between pages; a failed page says why.

    Every character of the text is escaped where it could be markup or HTML.
    """
    return _joined("\n\n---\n\n", [text for page in result.pages if (text := _page(page))])


def _page(page: PageResult) -> str:
    if page.error:
        return f"> Page {page.number} was not read: {_escaped(page.error.message)}"
    return "\n\n".join(
        "\n".join(text for line in group if (text := _escaped(line.text)))
        for group in paragraphs(page.lines)
    )


def _escaped(text: str) -> str:
    marked = _MARKUP.sub(r"\\\g<0>", one_line(text).strip())
    if start := _LINE_START.match(marked):
        cut = start.start("mark") if start["mark"] else start.start("stop")
        marked = f"{marked[:cut]}\\{marked[cut:]}"
    return marked


def _joined(separator: str, parts: list[str]) -> bytes:
    return (separator.join(parts) + "\n").encode() if parts else b""
