"""The rows and cells of an HTML table that an engine wrote, whatever else it wrote there."""

from dataclasses import dataclass
from html.parser import HTMLParser

__all__ = ["TableCell", "table_rows"]

MOST_CELLS = 20_000
MOST_SPAN = 1000


@dataclass(frozen=True, slots=True)
class TableCell:
    """The text of one cell, without markup, and how many rows and columns it covers."""

    text: str
    rowspan: int = 1
    colspan: int = 1
    is_heading: bool = False


def table_rows(html: str) -> list[list[TableCell]]:
    """The cells, row by row; everything but `tr`, `td`, `th` and text is passed over.

    Of the attributes only the spans are read. What is cut off in the middle is kept so far.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.end_cell()
    return [row for row in reader.rows if row]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[TableCell]] = []
        self._text: list[str] | None = None
        self._cell = TableCell("")
        self._left = MOST_CELLS
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "style"}:
            self._unseen += 1
        elif tag == "tr":
            self.end_cell()
            self.rows.append([])
        elif tag in {"td", "th"} and self._left:
            self.end_cell()
            given = dict(attrs)
            spans = _span(given.get("rowspan")), _span(given.get("colspan"))
            self._cell = TableCell("", *spans, is_heading=tag == "th")
            self._text = []
            self._left -= 1
        elif tag == "br" and self._text is not None:
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._unseen = max(0, self._unseen - 1)
        elif tag in {"td", "th", "tr", "table"}:
            self.end_cell()

    def handle_data(self, data: str) -> None:
        if self._text is not None and not self._unseen:
            self._text.append(data)

    def end_cell(self) -> None:
        """The cell that is open, if any, is whole."""
        if self._text is None:
            return
        if not self.rows:
            self.rows.append([])
        cell = self._cell
        text = " ".join("".join(self._text).split())
        self.rows[-1].append(TableCell(text, cell.rowspan, cell.colspan, cell.is_heading))
        self._text = None


def _span(value: str | None) -> int:
    text = (value or "1").strip()
    known = text.isascii() and text.isdigit() and len(text) <= 4
    return min(MOST_SPAN, max(1, int(text))) if known else 1
