r"""Markdown as models write it, as blocks, line by line.

It is what CommonMark and GitHub's tables say, and what OCR models write beside it: HTML tables,
formulas in `$$` and `\[`, LaTeX tables, and tags such as `<page_number>` (Nanonets-OCR's prompt).
"""

import re
from collections.abc import Callable

from ...domain import BlockKind
from .base import ParsedBlock
from .element import formula_block, table_block
from .inline import plain
from .lines import Lines, without_comments, without_cut
from .pipes import is_rule
from .reading import Reading

__all__ = ["read_markdown"]

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]{0,4}([\w+-]{0,20})")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+|$)")
_ITEM = re.compile(r"([ \t]{0,40})([-*+•◦▪‣●○■]|\d{1,3}[.)])[ \t]+(?=\S)")
_FOOTNOTE = re.compile(r"\[\^([\w*†‡§]{1,20})\]:[ \t]*")
_ENVIRONMENT = re.compile(
    r"\\begin\{((?:equation|align|gather|multline|eqnarray|displaymath|cases|array|tabular|table"
    r"|longtable)\*?)\}"
)
_ROLE = re.compile(
    r"<(page_number|page_header|header|page_footer|footer|footnote|watermark|figcaption|caption"
    r"|img|image|figure|signature|stamp|seal)(?:\s[^<>]{0,300})?>",
    re.IGNORECASE,
)
_ROLES: dict[str, BlockKind] = {
    "page_number": "page_number",
    "page_header": "header",
    "header": "header",
    "page_footer": "footer",
    "footer": "footer",
    "footnote": "footnote",
    "figcaption": "caption",
    "caption": "caption",
    "img": "figure",
    "image": "figure",
    "figure": "figure",
    "stamp": "seal",
    "seal": "seal",
}
_TABLE_EDGES = re.compile(r"(<table[\s>])|(</table\s{0,3}>)", re.IGNORECASE)
_TABLE = re.compile(r"<(/?)table[\s>]", re.IGNORECASE)


def read_markdown(text: str) -> Reading:
    """The blocks of a page in Markdown."""
    text, is_whole = without_cut(without_comments(text))
    text = _TABLE_EDGES.sub(lambda edge: f"\n{edge[1]}" if edge[1] else f"{edge[2]}\n", text)
    page = Lines(text.replace("\f", "\n").split("\n"))
    if not is_whole:
        page.reading.flag("truncated")
    while page.at < len(page.lines):
        begin = page.at
        if not page.line.strip():
            page.at += 1
        elif not any(reader(page) for reader in _READERS):
            _paragraph(page)
        if begin == page.at:  # pragma: no cover  a reader that takes nothing would never end
            page.at += 1
    return page.reading


def _fence(page: Lines) -> bool:
    found = _FENCE.match(page.line)
    if found is None:
        return False
    mark, language = found.group(1), found.group(2).lower()
    end = page.closes_at(mark, page.at + 1)
    if end < 0:
        page.reading.flag("truncated")
        end = len(page.lines)
    if language in {"markdown", "md"}:
        page.lines[end : end + 1] = [""]
        page.at += 1
        return True
    words = "\n".join(page.lines[page.at + 1 : end])
    page.at = end + 1
    if language in {"latex", "tex", "math"} and "tabular" not in words:
        _add_formula(page, words)
    elif _TABLE.search(words) or (language in {"latex", "tex"} and "tabular" in words):
        _add_table(page, words)
    elif words.strip():
        page.reading.add(ParsedBlock("code", words.strip("\n")))
    return True


def _heading(page: Lines) -> bool:
    found = _HEADING.match(page.line)
    if found is None:
        return False
    words = plain(page.line[found.end() :].strip().rstrip("#").rstrip())
    page.reading.add(ParsedBlock("heading", words, level=len(found.group(1))))
    page.at += 1
    return True


def _html_table(page: Lines) -> bool:
    if not _TABLE.match(page.line.lstrip()):
        return False
    depth, end = 0, page.at
    while end < len(page.lines):
        for tag in _TABLE.finditer(page.lines[end] + "\n"):
            depth += -1 if tag.group(1) else 1
        end += 1
        if depth <= 0:
            break
    words = "\n".join(page.lines[page.at : end])
    page.at = end
    _add_table(page, words)
    return True


def _pipe_table(page: Lines) -> bool:
    first = page.line.strip()
    below = page.lines[page.at + 1].strip() if page.at + 1 < len(page.lines) else ""
    if "|" not in first or not (is_rule(below) or (first[0] == "|" and below.startswith("|"))):
        return False
    end = page.at
    while end < len(page.lines) and "|" in page.lines[end]:
        end += 1
    words = "\n".join(page.lines[page.at : end])
    page.at = end
    _add_table(page, words)
    return True


def _formula(page: Lines) -> bool:
    line = page.line.strip()
    environment = _ENVIRONMENT.match(line)
    if environment:
        closing, skip = f"\\end{{{environment.group(1)}}}", 0
    elif line.startswith("$$"):
        closing, skip = "$$", 2
    elif line.startswith("\\["):
        closing, skip = "\\]", 2
    else:
        return False
    inside = line.find(closing, skip)
    if inside >= 0 and line[inside + len(closing) :].strip(" .,;"):
        return False
    end = page.at if inside >= 0 else page.closes_at(closing, page.at + 1)
    if end < 0:
        page.reading.flag("truncated")
        end = page.at
        while end + 1 < len(page.lines) and page.lines[end + 1].strip():
            end += 1
    words = "\n".join(page.lines[page.at : end + 1]).strip(" .,;\n")
    page.at = end + 1
    if environment and environment.group(1).rstrip("*") in {"tabular", "table", "longtable"}:
        _add_table(page, words)
    else:
        _add_formula(page, words)
    return True


def _role(page: Lines) -> bool:
    found = _ROLE.match(page.line.lstrip())
    if found is None:
        return False
    name = found.group(1).lower()
    closing = f"</{found.group(1)}>"
    near = page.lines[page.at : page.at + 30]
    end = next((n for n, line in enumerate(near) if closing in line), -1)
    is_near = end >= 0
    lines = near[: end + 1] if is_near else near[:1]
    words, _, rest = "\n".join(lines).partition(closing)
    page.at += len(lines)
    if rest.strip():
        page.at -= 1
        page.lines[page.at] = rest
    if not is_near and name not in {"img", "image"}:
        page.reading.flag("truncated")
    page.reading.add(ParsedBlock(_ROLES.get(name, "text"), plain(words)))
    return True


def _item(page: Lines) -> bool:
    found = _ITEM.match(page.line)
    if found is None or _is_break(page.line):
        return False
    indent = len(found.group(1).expandtabs(4))
    while page.indents and page.indents[-1] >= indent:
        page.indents.pop()
    page.indents.append(indent)
    words = [page.line[found.end() :]]
    page.at += 1
    while page.at < len(page.lines) and page.line.startswith("  ") and page.line.strip():
        if any(opens(page.line) for opens in _OPENERS):
            break
        words.append(page.line.strip())
        page.at += 1
    text = plain("\n".join(words))
    for box, sign in (("[ ] ", "☐ "), ("[x] ", "☑ "), ("[X] ", "☑ ")):
        text = sign + text.removeprefix(box) if text.startswith(box) else text
    number = found.group(2)
    if number[0].isdigit():
        text = f"{number} {text}"
    page.reading.add(ParsedBlock("list", text, level=min(len(page.indents), 9)))
    return True


def _footnote(page: Lines) -> bool:
    found = _FOOTNOTE.match(page.line)
    if found is None:
        return False
    words = plain(page.line[found.end() :])
    page.reading.add(ParsedBlock("footnote", f"{found.group(1)} {words}".strip()))
    page.at += 1
    return True


def _figure(page: Lines) -> bool:
    line = page.line.strip()
    if not (line.startswith("![") and line.endswith(")") and "](" in line):
        return False
    page.reading.add(ParsedBlock("figure", plain(line[2 : line.index("](")])))
    page.at += 1
    return True


def _break(page: Lines) -> bool:
    if not _is_break(page.line):
        return False
    page.at += 1
    return True


def _paragraph(page: Lines) -> None:
    words: list[str] = []
    while page.at < len(page.lines) and page.line.strip():
        if words and any(opens(page.line) for opens in _OPENERS):
            break
        words.append(page.line.strip().removeprefix("> ").removeprefix(">"))
        page.at += 1
    page.indents.clear()
    if len(words) == 2 and words[1] and set(words[1]) == {"="} and len(words[1]) > 2:
        page.reading.add(ParsedBlock("heading", plain(words[0]), level=1))
    else:
        page.reading.add(ParsedBlock("text", plain("\n".join(words))))


def _is_break(line: str) -> bool:
    marks = line.replace(" ", "")
    return len(marks) > 2 and marks[0] in "-*_" and not marks.strip(marks[0])


def _add_table(page: Lines, words: str) -> None:
    block, flags = table_block(words)
    page.reading.add(block)
    page.reading.flag(*flags)


def _add_formula(page: Lines, words: str) -> None:
    block, flags = formula_block(words)
    page.reading.add(block)
    page.reading.flag(*flags)


_READERS: tuple[Callable[[Lines], bool], ...] = (
    _fence,
    _heading,
    _html_table,
    _pipe_table,
    _formula,
    _role,
    _break,
    _item,
    _footnote,
    _figure,
)
_OPENERS: tuple[Callable[[str], object], ...] = (
    _FENCE.match,
    _HEADING.match,
    _ITEM.match,
    _FOOTNOTE.match,
    _is_break,
    lambda line: line.lstrip().startswith(("|", "$$", "\\[", "<table", "\\begin{", "![")),
)
