"""The words of a line of Markdown, without its marks; formulas stay as they are."""

import re
from collections.abc import Iterator

from .markup import inner_text

__all__ = ["plain"]

_TAG = re.compile(r"</?[a-zA-Z]")
_LINK = re.compile(r"!?\[([^\[\]\n]{0,500})\]\([^()\n]{0,500}\)")
_STRONG = re.compile(r"(?<!\\)(\*\*|__|~~)(?=\S)([^*_~\n]{1,2000})(?<=[^\s\\])\1")
_EMPHASIS = re.compile(r"(?<![\w*_\\])([*_])(?=\S)([^*_\n]{1,2000})(?<=[^\s\\])\1(?![\w*_])")
_CODE = re.compile(r"`([^`\n]{1,2000})`")
_ESCAPE = re.compile(r"\\([*_#`|~>.!+$%&-])")
_MATH = (("$$", "$$"), ("\\(", "\\)"), ("\\[", "\\]"), ("$", "$"))
_MATH_CHARS = 2_000


def plain(text: str) -> str:
    """The words: HTML, emphasis, links and escapes gone, formulas and line breaks kept."""
    if _TAG.search(text) or "&" in text:
        text = inner_text(text)
    if not any(mark in text for mark in "*_~`[\\"):
        return text.strip()
    return "".join(part if is_math else _words(part) for part, is_math in _parts(text)).strip()


def _words(text: str) -> str:
    text = _LINK.sub(r"\1", text)
    text = _CODE.sub(r"\1", text)
    text = _STRONG.sub(r"\2", _STRONG.sub(r"\2", text))
    text = _EMPHASIS.sub(r"\2", text)
    return _ESCAPE.sub(r"\1", text)


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """What is no formula and what is one, in turn."""
    position = begin = 0
    while position < len(text):
        mark = re.compile(r"\$|\\[(\[$]").search(text, position)
        if mark is None:
            break
        end = -1 if mark.group() == "\\$" else _end_of_math(text, mark.start())
        if end < 0:
            position = mark.end()
            continue
        yield text[begin : mark.start()], False
        yield text[mark.start() : end], True
        position = begin = end
    yield text[begin:], False


def _end_of_math(text: str, start: int) -> int:
    for opening, closing in _MATH:
        if text.startswith(opening, start):
            begin = start + len(opening)
            found = text.find(closing, begin, begin + _MATH_CHARS)
            return found + len(closing) if found > begin else -1
    return -1
