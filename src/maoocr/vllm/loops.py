"""Notices that a model goes round in circles while it writes.

A vision-language model that loses its place writes the same words, cells or dots until it runs out
of tokens. What counts as a circle depends on what is repeated: an empty form is twenty equal rows,
a table of contents has a hundred dots, but no page says one sentence ten times over.
"""

import re
from dataclasses import dataclass

__all__ = ["Loop", "LoopWatch"]

WINDOW = 8192
"""Characters at the end of the text that are looked at."""
STEP = 128
"""Characters between two looks: a look costs a few scans of the window in C, so that a character
costs a small constant however long the text becomes."""
SUFFIXES = (24, 96, 384)
"""A text with period p repeats its last characters p characters earlier. A short suffix may also
occur elsewhere within a period, a longer one then does not."""
LEAST = 300
"""Characters, or four rounds, below which nothing is a circle."""

_MARKUP = re.compile(r"</?(?:td|tr|th|table|tbody|thead|br)\b[^>]*>|<[flux]?cel>|<nl>|&nbsp;", re.I)
_ROW_END = re.compile(r"\n|</?tr\b|<nl>|\\\\", re.I)
_CELL = re.compile(r"\||</?t[dh]\b|cel>|\t|(?<!\\)&", re.I)


@dataclass(frozen=True, slots=True)
class Loop:
    """What goes round.

    Attributes:
        start: index of the first character of the first round.
        period: characters of one round.
    """

    start: int
    period: int


class LoopWatch:
    """Watches one text grow."""

    def __init__(self) -> None:
        self._tail = ""
        self._unseen = 0
        self._length = 0

    def feed(self, piece: str) -> Loop | None:
        """The circle that the text is caught in, once it is certain.

        Args:
            piece: what the text grew by.
        """
        self._tail += piece
        self._unseen += len(piece)
        self._length += len(piece)
        if self._unseen < STEP:
            return None
        self._unseen = 0
        self._tail = self._tail[-WINDOW:]
        return self._look()

    def _look(self) -> Loop | None:
        tail = self._tail
        tried = set()
        for size in SUFFIXES:
            found = tail.rfind(tail[-size:], 0, -1) if len(tail) > size else -1
            period = len(tail) - size - found
            if found < 0 or period in tried:
                continue
            tried.add(period)
            run = _run_length(tail, period)
            if run >= max(4 * period, LEAST) and run >= needed_length(tail[-period:]):
                return Loop(self._length - run, period)
        return None


def _run_length(text: str, period: int) -> int:
    """Characters at the end of the text that have that period."""
    # Doubling, then halving: equal slices are compared in C.
    low, high = period, len(text)
    while low < high:
        middle = min(high, max(low + 1, (low + high + 1) // 2))
        if text[-middle:-period] == text[len(text) - middle + period :]:
            low = middle
        else:
            high = middle - 1
    return low


def needed_length(unit: str) -> int:
    """Characters that a repetition of this unit must cover before it is no page any more."""
    period = len(unit)
    has_rows = _ROW_END.search(unit) is not None
    if _CELL.search(unit) and has_rows:
        return max(60 * period, 4000)
    words = _MARKUP.sub("", unit)
    if not any(character.isalnum() for character in words):
        # Empty cells of one row, leaders of a contents page, rules of a form.
        return max(60 * period, 4000 if has_rows else 600)
    if _CELL.search(unit):
        return max(50 * period, 600)
    if period <= 16:
        return 150 * period if has_rows else max(50 * period, 300)
    return max((10 if period < 100 else 6 if period < 400 else 4) * period, 400)
