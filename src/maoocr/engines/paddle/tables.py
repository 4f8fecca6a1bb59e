"""A table as PaddleOCR writes it, made clean: what is read in a picture may look like markup."""

import re
from html import escape
from html.parser import HTMLParser

__all__ = ["clean_table"]

MAX_SPAN = 200

_CELL = re.compile(r"(<t[dh](?:\s[^<>]*)?>)(.*?)(</t[dh]>)", re.DOTALL | re.IGNORECASE)
_KEPT = {"thead", "tbody", "tr", "td", "th"}


def clean_table(markup: str) -> str:
    """One `<table>` element of rows and cells, the text in them escaped; empty without a row."""
    table = re.search(r"<table\b.*</table>", markup, re.DOTALL | re.IGNORECASE)
    if table is None:
        return ""
    # PaddleOCR puts the text of a cell between its tags as it is.
    escaped = _CELL.sub(lambda m: m[1] + _escaped(m[2]) + m[3], table[0])
    cleaner = _Cleaner()
    cleaner.feed(escaped)
    cleaner.close()
    return f"<table>{''.join(cleaner.parts)}</table>" if "<tr>" in cleaner.parts else ""


def _escaped(text: str) -> str:
    return escape(re.sub(r"</?(?:b|i|sup|sub)>", "", text), quote=False)


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _KEPT:
            spans = "".join(
                f' {name}="{min(int(value), MAX_SPAN)}"'
                for name, value in attrs
                if name in {"colspan", "rowspan"} and value and value.isascii() and value.isdigit()
            )
            self.parts.append(f"<{tag}{spans}>")
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while (last := self._open.pop()) != tag:
                self.parts.append(f"</{last}>")
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in {"td", "th"}:
            self.parts.append(escape(data, quote=False))

    def close(self) -> None:
        super().close()
        while self._open:
            self.parts.append(f"</{self._open.pop()}>")
