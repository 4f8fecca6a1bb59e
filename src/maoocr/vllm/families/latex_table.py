r"""Tables in LaTeX (`tabular`), which Qwen3-VL's Markdown and MonkeyOCR write."""

import re

from ...domain import PageFlag
from .tables import MOST_SPAN, Cell, Table, table_of_rows

__all__ = ["is_latex_table", "read_latex_table"]

_BEGIN = re.compile(r"\\begin\s{0,3}\{(tabular|tabularx|array|longtable)\*?\}")
_END = re.compile(r"\\end\s{0,3}\{(?:tabular|tabularx|array|longtable)\*?\}")
_RULE = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|cline\{[^{}]{0,20}\}|cmidrule(?:\([^()]{0,9}\))?"
    r"\{[^{}]{0,20}\})"
)
_SPAN = re.compile(r"\\multi(column|row)\{\s{0,3}(\d{1,4})\s{0,3}\}(?:\[[^\]]{0,9}\])?")
_STYLE = re.compile(r"\\(?:textbf|textit|text|textrm|emph|mathbf|mathrm|bm)\{([^{}]{0,500})\}")
_ESCAPE = re.compile(r"\\([&%$#_{}])")


def is_latex_table(text: str) -> bool:
    """Whether a table begins there."""
    return _BEGIN.search(text) is not None


def read_latex_table(text: str) -> tuple[Table, list[PageFlag]]:
    """The table of an answer; `truncated` where it has no end, `malformed` past the limits."""
    begin = _BEGIN.search(text)
    if begin is None:
        return Table(), ["malformed"]
    end = _END.search(text, begin.end())
    body = text[begin.end() : end.start() if end else len(text)]
    body = _RULE.sub("", _without_columns(body))
    rows = [_cells(row) for row in re.split(r"\\\\(?:\[[^\]]{0,9}\])?", body) if row.strip()]
    table, is_sound = table_of_rows(_without_covered(rows))
    flags: list[PageFlag] = []
    if not is_sound:
        flags.append("malformed")
    if end is None:
        flags.append("truncated")
    return table, flags


def _without_covered(rows: list[list[Cell]]) -> list[list[Cell]]:
    """Without the empty cells that LaTeX wants below one that reaches over rows."""
    below: dict[int, int] = {}
    kept = []
    for row in rows:
        column, line = 0, []
        covered = dict(below)
        for cell in row:
            if not covered.get(column) or cell.text:
                line.append(cell)
            if cell.rows > 1:
                below[column] = cell.rows
            column += max(1, min(cell.columns, MOST_SPAN))
        below = {at: left - 1 for at, left in below.items() if left > 1}
        kept.append(line)
    return kept


def _without_columns(body: str) -> str:
    """Without the description of the columns, as in `{|l|c|}`; braces may stand in it."""
    rest = body.lstrip()
    if not rest.startswith("{"):
        return rest
    depth = 0
    for position, char in enumerate(rest[:500]):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth == 0:
            return rest[position + 1 :]
    return rest


def _cells(row: str) -> list[Cell]:
    cells: list[Cell] = []
    for part in re.split(r"(?<!\\)&", row):
        spans = {which: int(number) for which, number in _SPAN.findall(part)}
        text = _SPAN.sub("", part).strip()
        if spans:
            text = _innermost(text)
        text = _STYLE.sub(r"\1", _STYLE.sub(r"\1", text))
        cells.append(
            Cell(_ESCAPE.sub(r"\1", text).strip(), spans.get("row", 1), spans.get("column", 1))
        )
    return cells


def _innermost(text: str) -> str:
    """The last braced group of `{c|}{text}` or `{*}{text}`, which holds the words."""
    text = text.strip()
    if not text.endswith("}"):
        return text
    depth = 0
    for position in range(len(text) - 1, -1, -1):
        depth += {"}": 1, "{": -1}.get(text[position], 0)
        if depth == 0:
            inner = text[position + 1 : -1].strip()
            return inner if inner or position == 0 else text[position + 1 : -1]
    return text
