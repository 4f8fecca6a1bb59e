"""One result in the forms that other programs read.

`formats` maps the name that a caller gives (`format=hocr`) to a `Format`. Every writer is a pure
function of the result: the same result gives the same bytes, with no date and no random id in them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..domain import OcrResult
from .alto import write_alto
from .answer import (
    encode_json,
    page_object,
    result_object,
    selection_object,
    write_json,
    write_json_lines,
)
from .characters import one_line
from .hocr import write_hocr
from .markdown import write_markdown
from .plain import write_text
from .reading import result_of
from .spreadsheet import write_csv
from .webpage import write_html

__all__ = [
    "STRUCTURED",
    "Format",
    "encode_json",
    "formats",
    "one_line",
    "page_object",
    "result_object",
    "result_of",
    "selection_object",
]


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write a result.

    Attributes:
        media_type: for the Content-Type header.
        suffix: of file names, with its dot.
        write: the whole file as bytes; text is UTF-8.
    """

    media_type: str
    suffix: str
    write: Callable[[OcrResult], bytes]


formats: Mapping[str, Format] = MappingProxyType(
    {
        "text": Format("text/plain; charset=utf-8", ".txt", write_text),
        "markdown": Format("text/markdown; charset=utf-8", ".md", write_markdown),
        "html": Format("text/html; charset=utf-8", ".html", write_html),
        "json": Format("application/json", ".json", write_json),
        "jsonl": Format("application/x-ndjson", ".jsonl", write_json_lines),
        "csv": Format("text/csv; charset=utf-8", ".csv", write_csv),
        "hocr": Format("text/vnd.hocr+html; charset=utf-8", ".hocr", write_hocr),
        "alto": Format("application/xml", ".xml", write_alto),
    }
)
"""By name, the simplest first."""

STRUCTURED = frozenset({"markdown", "html"})
"""Formats that show the blocks of a page: a result should be read with them."""
