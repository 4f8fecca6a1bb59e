"""Lines in reading order -> paragraphs, by distance, indent, size and how lines end."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .aligned import in_rows
from .joining import joined
from .level import Box, Piece, around
from .roles import begins_item, bullet_of, is_caption, numbering_depth

__all__ = ["Paragraph", "TextRow", "paragraphs", "text_rows"]

SIZE_CHANGE = 1.3
STROKE_CHANGE = 1.2
WEIGHED_CHARACTERS = 10
PITCH_CHANGE = 1.3
MOST_PITCH = 3.0
INDENT = 0.8
SHORT_LINE = 0.2
"""Of a column's width that a line lacks, which ends a paragraph with its sentence."""
HARD_BREAK = 0.35
"""Of a column's width that a line lacks where it was meant to end (addresses, verses)."""

_SENTENCE_END = re.compile(r"[.!?:;。\uff01\uff1f\uff1a\uff1b…”\"\u2019\uff09)\]]$")
_ASCENDERS = re.compile(r"[A-Z0-9bdfhklt(\[/|]|[^\W_a-z]")
_DESCENDERS = re.compile(r"[gjpqyQ,;()\[\]/|]")
_TALL = re.compile("[\u2e80-\uffef]")


@dataclass(frozen=True, slots=True)
class TextRow:
    """What stands on one level: mostly one line.

    Attributes:
        size: of its letters in pixels, comparable across the rows of a page.
        stroke: thickness of its strokes in pixels; 0 where no picture tells.
    """

    pieces: tuple[Piece, ...]
    box: Box
    size: float
    stroke: float

    @property
    def text(self) -> str:
        return " ".join(piece.text.strip() for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Rows that go on from one to the next.

    Attributes:
        left: where its column begins.
        right: where it ends.
    """

    rows: tuple[TextRow, ...]
    left: float
    right: float

    @property
    def box(self) -> Box:
        return around([row.box for row in self.rows])

    @property
    def size(self) -> float:
        return float(np.median([row.size for row in self.rows]))

    @property
    def stroke(self) -> float:
        return float(np.median([row.stroke for row in self.rows]))

    @property
    def lines(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(piece.line for row in self.rows for piece in row.pieces))

    @property
    def text(self) -> str:
        """Its rows as one text; a line break where a row was meant to end."""
        parts: list[list[str]] = [[]]
        for row in self.rows:
            parts[-1].append(row.text)
            if self.right - row.box.x1 > HARD_BREAK * (self.right - self.left):
                parts.append([])
        return "\n".join(joined(part) for part in parts if part)


def text_rows(pieces: Sequence[Piece], strokes: Sequence[float], *, tight: bool) -> list[TextRow]:
    """The rows of a region, from the top.

    Args:
        pieces: of the region.
        strokes: by the number of a line, in pixels; empty without a picture.
        tight: boxes end with the ink (a text layer) and not about it (a detector).
    """
    rows = []
    for row in in_rows(pieces):
        size = float(np.median([_size(piece, tight=tight) for piece in row]))
        thick = [strokes[piece.line] for piece in row] if len(strokes) else [0.0]
        rows.append(
            TextRow(tuple(row), around([p.box for p in row]), size, float(np.median(thick)))
        )
    return rows


def _size(piece: Piece, *, tight: bool) -> float:
    """The height of a line with all its ascenders and descenders, whether it has them or not."""
    height = max(piece.box.height, 1.0)
    if not tight or _TALL.search(piece.text):
        return height
    share = 0.5
    share += 0.22 * (_ASCENDERS.search(piece.text) is not None)
    share += 0.22 * (_DESCENDERS.search(piece.text) is not None)
    return height / share


def paragraphs(rows: Sequence[TextRow]) -> list[Paragraph]:
    """The rows of a region, put together."""
    if not rows:
        return []
    left = float(np.percentile([row.box.x0 for row in rows], 10))
    right = float(np.percentile([row.box.x1 for row in rows], 90))
    pitches = [b.box.middle - a.box.middle for a, b in pairwise(rows)]
    groups = [[rows[0]]]
    for at in range(1, len(rows)):
        usual = min(pitches[max(0, at - 2) : at - 1] + pitches[at : at + 1] + [np.inf])
        if _begins(rows[at - 1], rows[at], groups[-1][0], pitches[at - 1], usual, (left, right)):
            groups.append([])
        groups[-1].append(rows[at])
    return [Paragraph(tuple(group), left, right) for group in groups]


def _begins(
    before: TextRow,
    row: TextRow,
    first: TextRow,
    pitch: float,
    usual: float,
    column: tuple[float, float],
) -> bool:
    """Whether a paragraph begins with this row."""
    small, large = sorted((before.size, row.size))
    if large > SIZE_CHANGE * small or _differ_in_weight(before, row):
        return True
    if pitch > MOST_PITCH * large or (pitch > 1.2 * large and pitch > PITCH_CHANGE * usual):
        return True
    left, right = column
    lacks = (right - before.box.x1) / max(right - left, 1.0)
    ended = _SENTENCE_END.search(before.text) is not None
    if begins_item(row.text) or is_caption(row.text):
        return True
    if (ended or lacks > SHORT_LINE) and (bullet_of(row.text) or numbering_depth(row.text)):
        return True
    hangs = bullet_of(first.text) is not None
    flush = row.box.x0 - left < INDENT * row.size
    if hangs:
        # An item goes on behind its mark.
        return row.box.x0 < first.box.x0 - INDENT * row.size / 2
    if not flush and before.box.x0 - left < INDENT / 2 * row.size:
        return True
    return (lacks > SHORT_LINE and ended) or (
        lacks > SHORT_LINE and numbering_depth(first.text) > 0 and first is before
    )


def _differ_in_weight(one: TextRow, other: TextRow) -> bool:
    """Whether one is bold and the other is not; a few letters do not tell."""
    thin, thick = sorted((one.stroke, other.stroke))
    long = min(len(one.text), len(other.text)) >= WEIGHED_CHARACTERS
    return long and thin > 0 and thick > STROKE_CHANGE * thin
