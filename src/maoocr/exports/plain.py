"""Plain text."""

from ..domain import OcrResult
from .characters import one_line

__all__ = ["write_text"]


def write_text(result: OcrResult) -> bytes:
    """The lines, one below the other, an empty line between pages; nothing for failed pages."""
    pages = ["\n".join(one_line(line.text) for line in page.lines) for page in result.pages]
    found = [page for page in pages if page]
    return ("\n\n".join(found) + "\n").encode() if found else b""
