"""Where each word of a line lies, from the steps at which the recognizer emitted its characters."""

from collections.abc import Sequence

import numpy as np

from ...domain import Polygon, Word
from .ctc import Glyph, stands_alone, text_of
from .geometry import Box

__all__ = ["as_polygon", "words_of"]


def as_polygon(corners: Box) -> Polygon:
    """Four points as plain numbers, to a tenth of a pixel."""
    a, b, c, d = ((round(float(x), 1), round(float(y), 1)) for x, y in corners)
    return a, b, c, d


def words_of(glyphs: Sequence[Glyph], box: Box) -> tuple[Word, ...]:
    """Cut a line into words at its spaces, and into characters where there are no spaces.

    A word begins and ends half way to the neighbouring glyph, at most half a glyph's usual width
    beyond its own.
    """
    centres = np.array([glyph.centre for glyph in glyphs])
    pitch = float(np.median(np.diff(centres))) if len(centres) > 1 else 1.0
    words: list[Word] = []
    for first, last in _runs(glyphs):
        before = centres[first] - centres[first - 1] if first else pitch
        after = centres[last + 1] - centres[last] if last + 1 < len(centres) else pitch
        start = max(0.0, centres[first] - min(before, pitch) / 2)
        end = min(1.0, centres[last] + min(after, pitch) / 2)
        run = glyphs[first : last + 1]
        text = text_of(run)
        score = sum(glyph.score for glyph in run) / len(run)
        words.append(Word(text, min(1.0, score), as_polygon(_part(box, start, end))))
    return tuple(words)


def _runs(glyphs: Sequence[Glyph]) -> list[tuple[int, int]]:
    """First and last glyph of each word."""
    runs: list[tuple[int, int]] = []
    start: int | None = None
    for i, glyph in enumerate(glyphs):
        blank, alone = glyph.text.isspace(), stands_alone(glyph.text)
        if start is not None and (blank or alone):
            runs.append((start, i - 1))
            start = None
        if alone and not blank:
            runs.append((i, i))
        elif not blank and start is None:
            start = i
    if start is not None:
        runs.append((start, len(glyphs) - 1))
    return runs


def _part(box: Box, start: float, end: float) -> Box:
    top, bottom = box[1] - box[0], box[2] - box[3]
    corners = [
        box[0] + start * top,
        box[0] + end * top,
        box[3] + end * bottom,
        box[3] + start * bottom,
    ]
    return np.array(corners, dtype=np.float32)
