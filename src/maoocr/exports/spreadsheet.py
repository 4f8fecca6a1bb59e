"""CSV: one row per line of text (RFC 4180), for people with a spreadsheet."""

import csv
import io

from ..domain import OcrResult, Polygon
from .characters import one_line

__all__ = ["write_csv"]

_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write_csv(result: OcrResult) -> bytes:
    """Columns `page,line,text,score,polygon`; a page without text has no row.

    A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` (also in their full-width
    forms) as a formula. Text that does is written behind an apostrophe, which spreadsheets take as
    "this is text": `-5.00` becomes `'-5.00`. Whoever needs the text unchanged reads JSON.

    The file begins with a byte order mark, without which Excel takes UTF-8 for the local encoding.
    The polygon is written as `x,y x,y x,y x,y`, clockwise from the text's top left.
    """
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(("page", "line", "text", "score", "polygon"))
    for page in result.pages:
        for number, line in enumerate(page.lines, start=1):
            score = f"{line.score:.4f}"
            rows.writerow((page.number, number, _cell(line.text), score, _points(line.polygon)))
    return table.getvalue().encode("utf-8-sig")


def _cell(text: str) -> str:
    clean = one_line(text)
    return f"'{clean}" if clean.lstrip().startswith(_FORMULA_STARTS) else clean


def _points(polygon: Polygon) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in polygon)
