"""Answers about one element that was cut out of a page: text, a table, a formula, a chart."""

import re

from ...domain import BlockKind, PageFlag, Polygon
from .base import ParsedBlock
from .html_table import read_html_table
from .latex import read_formula
from .latex_table import is_latex_table, read_latex_table
from .markup import inner_text
from .otsl import is_otsl, read_otsl
from .pipes import is_pipes, read_pipes
from .reading import Reading
from .tables import Table

__all__ = ["formula_block", "has_html_table", "read_formula_element", "read_table", "table_block"]

_HTML = re.compile(r"<t(?:able|body|head|r|d|h)[\s>]", re.IGNORECASE)


def has_html_table(text: str) -> bool:
    """Whether a table, or a part of one, stands there in HTML."""
    return _HTML.search(text) is not None


def read_table(text: str) -> tuple[Table, list[PageFlag]]:
    """A table in whatever language the model wrote it; an empty one where there is none."""
    if is_otsl(text):
        return read_otsl(text)
    if has_html_table(text):
        table, flags = read_html_table(text)
        if table.rows or "<table" in text.lower():
            return table, flags
    if is_latex_table(text):
        return read_latex_table(text)
    if is_pipes(text):
        return read_pipes(text)
    return Table(), ["malformed"]


def table_block(
    text: str, box: Polygon | None = None, kind: BlockKind = "table"
) -> tuple[ParsedBlock, list[PageFlag]]:
    """A block of what should be a table; where it is none, its words, flagged."""
    table, flags = read_table(text)
    if not table.rows:
        return ParsedBlock("text", inner_text(text), box=box), flags
    return ParsedBlock(kind, table.text, html=table.html, box=box), flags


def formula_block(text: str, box: Polygon | None = None) -> tuple[ParsedBlock, list[PageFlag]]:
    """A block of a formula; its LaTeX is left out where it does not hold together."""
    latex, is_sound = read_formula(text)
    if is_sound:
        return ParsedBlock("formula", latex, latex=latex, box=box), []
    return ParsedBlock("formula", latex, box=box), ["malformed"]


def read_formula_element(text: str) -> Reading:
    """An answer that is one formula."""
    reading = Reading()
    if text.strip():
        block, flags = formula_block(text)
        reading.add(block)
        reading.flag(*flags)
    return reading
