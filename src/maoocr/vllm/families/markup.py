"""HTML as models write it, taken apart in one pass: no tree, no recursion, no backtracking."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .reading import sound_text

__all__ = ["Tag", "Text", "attribute", "inner_text", "pieces"]

MOST_TAG_CHARS = 2_000
_NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9_-]{0,30})(?=[\s/>])")
_CUT = re.compile(r"</?(?:[a-zA-Z][a-zA-Z0-9_-]{0,30}(?:\s[^<>]{0,2000})?)?")
_HIDDEN = {"script", "style", "template", "iframe", "object", "svg", "head", "title"}
_BREAKING = {
    "br", "p", "div", "li", "ul", "ol", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "section",
    "article", "pre", "blockquote", "table", "figure", "figcaption", "dt", "dd",
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_SUBSCRIPTS = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: `name` in lower case, `source` as written, from `start` up to `end` of the text."""

    name: str
    is_end: bool
    source: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Text:
    """What stands between tags, with its entities resolved."""

    text: str


def pieces(source: str) -> Iterator[Tag | Text]:
    """Tags and texts in their order; comments and what scripts hold are left out.

    A `<` that begins no tag is text; a tag that the text ends in is left out.
    """
    position = begin = 0
    while (position := source.find("<", position)) >= 0:
        if source.startswith("<!--", position):
            yield from _text(source[begin:position])
            end = source.find("-->", position)
            if end < 0:
                return
            position = begin = end + 3
            continue
        found = _NAME.match(source, position)
        end = source.find(">", position, position + MOST_TAG_CHARS) if found else -1
        if found is None or end < 0:
            if len(source) - position > 1 and _CUT.fullmatch(source, position):
                break
            position += 1
            continue
        yield from _text(source[begin:position])
        name, is_end = found.group(1).lower(), source.startswith("</", position)
        position = begin = end + 1
        if name in _HIDDEN and not is_end:
            position = begin = _end_of(source, name, begin)
            continue
        yield Tag(name, is_end, source[found.start() : end + 1], found.start(), end + 1)
    yield from _text(source[begin : position if position >= 0 else None])


def _text(text: str) -> Iterator[Text]:
    if text:
        yield Text(sound_text(html.unescape(text)))


def _end_of(source: str, name: str, position: int) -> int:
    """Behind the end tag; the text's end where there is none."""
    found = re.compile(rf"</{re.escape(name)}\s*>", re.IGNORECASE).search(source, position)
    return found.end() if found else len(source)


def attribute(tag: Tag, name: str) -> str:
    """An attribute's value; empty without it."""
    found = re.search(rf"""\s{name}\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""", tag.source, re.I)
    return sound_text(html.unescape(found.group(1).strip("\"'"))).strip() if found else ""


def inner_text(source: str) -> str:
    """The words of a piece of HTML: formulas in `$`, breaks as lines, no tags."""
    words: list[str] = []
    raised = ""
    for piece in pieces(source):
        if isinstance(piece, Text):
            words.append(_raised(piece.text, raised))
        elif piece.name == "math":
            words.append("$")
        elif piece.name in {"sup", "sub"}:
            raised = "" if piece.is_end else piece.name
        elif piece.name == "input" and "checkbox" in piece.source.lower():
            words.append("☑ " if "checked" in piece.source.lower() else "☐ ")
        elif piece.name in {"td", "th"}:
            words.append("\t" if piece.is_end else "")
        elif piece.name in _BREAKING:
            words.append("\n")
    lines = (" ".join(line.split(" ")).strip(" ") for line in "".join(words).split("\n"))
    return "\n".join(line for line in map(_squeezed, lines) if line)


def _squeezed(line: str) -> str:
    return re.sub(r" {2,}", " ", line).strip()


def _raised(text: str, how: str) -> str:
    table = {"sup": _SUPERSCRIPTS, "sub": _SUBSCRIPTS}.get(how)
    if table and text and all(ord(char) in table for char in text.strip()):
        return text.strip().translate(table)
    return text
