"""What a paragraph is by its first words: numbering, bullets, captions, numbers of pages."""

import re

__all__ = [
    "begins_item",
    "bullet_of",
    "is_bullet",
    "is_caption",
    "is_page_number",
    "numbering_depth",
]

_BULLET = re.compile(r"^([•●○◦▪■◆◇‣·➢❑✓※]|[-\u2013—*](?=\s)|o(?=\s))\s*(?=\S)")
_PLAIN_BULLET = re.compile(r"^[•●○◦▪■◆◇‣➢❑✓]")
_ORDERED = re.compile(
    r"^(\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)](?=\s|[^\W\d])|[\uff08(](?:\d{1,2}|[a-z]|[ivx]{1,4})[)\uff09]"
    r"|[①-⑳]|\[\d{1,3}\](?=\s))\s*(?=\S)"
)
_CAPTION = re.compile(
    r"^((?i:table|tab\.|figure|fig\.|chart|exhibit|tableau|tabelle|abbildung|abb\.|tabla|figura)"
    r"\s*(\d|[IVX]+\b|[A-Z]\.?\d|[A-Z]\b)|续?表\s*\d|[图圖]\s*\d|附[图表]\s*[\d一二三四五六七八九十A-Z])"
)
_PAGE_NUMBER = re.compile(
    r"^[-\u2013—•|\s]*(page|seite|página|p\.)?\s*(\d{1,4}|[ivxlc]{1,6})(\s*(/|of|von|de)\s*\d{1,4})?"
    r"[-\u2013—•|\s]*$|^第?\s*\d{1,4}\s*页(\s*[,\uff0c/]?\s*共\s*\d+\s*页)?$",
    re.IGNORECASE,
)
_NUMBERED = (
    re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,4})(?=[.、\uff0e\s]|[^\W\d])[.、\uff0e]?\s*\S"),
    re.compile(r"^(?:chapter|part|appendix|section|teil|kapitel|chapitre)\s+[\dIVXA-Z]", re.I),
    re.compile(r"^第[\d一二三四五六七八九十百]+[章篇部编]"),
    re.compile(r"^第[\d一二三四五六七八九十百]+节"),
    re.compile(r"^[一二三四五六七八九十]{1,3}[、\uff0e.]"),
    re.compile(r"^[\uff08(][一二三四五六七八九十]{1,3}[)\uff09]"),
    re.compile(r"^[IVX]{1,5}\.\s"),
)
_DEPTHS = (0, 1, 1, 2, 1, 2, 1)


def bullet_of(text: str) -> str | None:
    """The bullet or number that an item of a list begins with, with the space behind it."""
    found = _BULLET.match(text) or _ORDERED.match(text)
    return found[0] if found else None


def begins_item(text: str) -> bool:
    """Whether a line begins with a bullet that nothing else in a text looks like."""
    return _PLAIN_BULLET.match(text) is not None


def is_bullet(mark: str) -> bool:
    """Whether a mark is a bullet, which says nothing, and no number."""
    return _BULLET.match(mark + "x") is not None


def is_caption(text: str) -> bool:
    """Whether a text begins as captions of tables and figures do."""
    return _CAPTION.match(text) is not None


def is_page_number(text: str) -> bool:
    """Whether this is nothing but the number of a page."""
    return _PAGE_NUMBER.match(text.strip()) is not None


def numbering_depth(text: str) -> int:
    """Depth of the numbering that a heading begins with, from 1; 0 without one."""
    for pattern, depth in zip(_NUMBERED, _DEPTHS, strict=True):
        found = pattern.match(text)
        if found:
            return depth or found[1].count(".") + 1
    return 0
