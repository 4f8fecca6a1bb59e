"""Lines that belong together as one text: with spaces, without, and without their hyphens."""

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["is_unspaced", "joined"]

_BROKEN_WORD = re.compile(r"[^\W\d_]{2,}[-\u00ad\u2010]$")
_UNSPACED = re.compile(
    "[\u2e80-\u312f\u3190-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)
"""Scripts that put no space between words, and their punctuation; Korean is not among them."""


def is_unspaced(character: str) -> bool:
    """Whether no space stands beside this character (Han, kana, full-width forms)."""
    return _UNSPACED.match(character) is not None


def joined(texts: Sequence[str]) -> str:
    """One text of lines that follow each other.

    A word that a hyphen broke is made whole; a hyphen before a capital or a digit stays, since it
    may belong there. No space comes beside a Han character or kana.
    """
    whole = ""
    for text in (text.strip() for text in texts):
        if not text:
            continue
        if not whole:
            whole = text
        elif _BROKEN_WORD.search(whole[-24:]) and unicodedata.category(text[0]) == "Ll":
            whole = whole[:-1] + text
        elif is_unspaced(whole[-1]) or is_unspaced(text[0]) or _goes_on(whole, text):
            whole += text
        else:
            whole += " " + text
    return whole


def _goes_on(whole: str, text: str) -> bool:
    """Whether a hyphen stands within a word that a line break parted there."""
    return whole[-1] == "-" and text[0].isalnum() and whole[-2:-1].isalnum()
