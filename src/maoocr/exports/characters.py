"""Text of unknown origin made fit to stand on one line of any file.

A PDF's own text may hold anything: escape sequences for a terminal, line breaks, halves of
surrogate pairs, characters that XML 1.0 forbids. Directional marks stay, because right-to-left text
may need them; they end with the line that they stand on.
"""

import re

__all__ = ["one_line"]

_BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def one_line(text: str) -> str:
    """The text without control characters, a blank for each run of tabs and line breaks."""
    return _FORBIDDEN.sub("", _BREAKS.sub(" ", text))
