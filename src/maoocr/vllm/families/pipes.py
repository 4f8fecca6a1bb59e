"""Tables between pipes, as Markdown has them, with or without the row of dashes."""

import re

from ...domain import PageFlag
from .inline import plain
from .tables import Cell, Table, table_of_rows

__all__ = ["is_pipes", "is_rule", "read_pipes"]

_PIPE = re.compile(r"(?<!\\)\|")
_RULE_CHARS = set("|-: \t")


def is_rule(line: str) -> bool:
    """Whether a line is the row of dashes below a header."""
    return "-" in line and "|" in line and set(line) <= _RULE_CHARS


def is_pipes(text: str) -> bool:
    """Whether most lines have cells."""
    lines = [line for line in text.split("\n") if line.strip()]
    return bool(lines) and sum("|" in line for line in lines) * 2 > len(lines)


def read_pipes(text: str) -> tuple[Table, list[PageFlag]]:
    """The table; `truncated` where its last row breaks off, `malformed` where rows differ."""
    lines = [line.strip() for line in text.split("\n") if "|" in line]
    rows = [_cells(line) for line in lines if not is_rule(line)]
    has_header = len(lines) > 1 and is_rule(lines[1])
    if has_header and rows:
        rows[0] = [Cell(cell.text, is_header=True) for cell in rows[0]]
    flags: list[PageFlag] = []
    is_cut = len(lines) > 2 and lines[0].endswith("|") and not lines[-1].endswith("|")
    if is_cut:
        flags.append("truncated")
    table, is_sound = table_of_rows(rows)
    whole = table.rows[:-1] if is_cut else table.rows
    if not is_sound or len({len(row) for row in whole}) > 1:
        flags.append("malformed")
    return table, flags


def _cells(line: str) -> list[Cell]:
    line = line.strip().removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [Cell(plain(part.replace("\\|", "|"))) for part in _PIPE.split(line)]
