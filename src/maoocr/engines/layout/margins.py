"""What stands outside of a page's text: running heads and feet, numbers of pages and of lines."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ...domain import BlockKind
from .aligned import in_rows
from .level import Box, Piece, around
from .roles import is_page_number
from .rulings import Segments

__all__ = ["Margins", "margins"]

HEAD, FOOT = 0.1, 0.9
NUMBER_BAND = 0.12
"""Where heads, feet and numbers of pages stand, in heights of the page."""
GAP, GAP_AT_EDGE = 1.2, 0.6
EDGE = 0.075
RULE_SHARE = 0.4
LEAST_ROWS = 6
MOST_SIZE = 1.2
LEAST_NUMBERS = 4

Margins = dict[int, BlockKind]
"""Line -> `header`, `footer` or `page_number`."""


def margins(
    pieces: Sequence[Piece],
    taken: Sequence[Box],
    size: tuple[int, int],
    text_height: float,
    rules: Segments,
) -> Margins:
    """Which lines are no part of the text.

    Args:
        pieces: of the page, without those in tables.
        taken: the tables.
        size: width and height of the page, in pixels.
        text_height: the usual height of a line, in pixels.
        rules: horizontal rulings, which often part a running head from the text.
    """
    rows = in_rows(pieces)
    found: Margins = {}
    if len(rows) + len(taken) < LEAST_ROWS:
        return found
    boxes = sorted([around([p.box for p in row]) for row in rows] + list(taken), key=lambda b: b.y0)
    width, height = size
    for at, row in enumerate(rows):
        box = around([piece.box for piece in row])
        above = max((b.y1 for b in boxes if b.y1 < box.middle), default=None)
        below = min((b.y0 for b in boxes if b.y0 > box.middle), default=None)
        edge = box.y1 < EDGE * height or box.y0 > (1 - EDGE) * height
        gap = (GAP_AT_EDGE if edge else GAP) * text_height
        far_below = below is None or below - box.y1 > gap
        far_above = above is None or box.y0 - above > gap
        small = max(piece.box.height for piece in row) <= MOST_SIZE * text_height
        numbers = all(is_page_number(piece.text) for piece in row)
        if at == 0:
            ruled = _ruled(rules, box.y1, text_height, width)
            if numbers and box.y1 < NUMBER_BAND * height:
                found |= _kinds(row, "page_number")
            elif small and box.y1 < HEAD * height and (far_below or ruled):
                found |= _kinds(row, "header")
        elif at >= len(rows) - 2 and (far_above or rows[at - 1][0].line in found):
            if numbers and box.y0 > (1 - NUMBER_BAND) * height:
                found |= _kinds(row, "page_number")
            elif small and box.y0 > FOOT * height:
                found |= _kinds(row, "footer")
    return found | _line_numbers([piece for piece in pieces if piece.line not in found])


def _kinds(row: Sequence[Piece], kind: BlockKind) -> Margins:
    return {p.line: "page_number" if is_page_number(p.text) else kind for p in row}


def _ruled(rules: Segments, below: float, text_height: float, width: int) -> bool:
    return any(
        -0.3 * text_height <= y - below <= text_height and last - first >= RULE_SHARE * width
        for y, first, last in rules
    )


def _line_numbers(pieces: Sequence[Piece]) -> Margins:
    """Numbers that count up by the same step straight above each other (patents, transcripts)."""
    numbers = [p for p in pieces if p.text.isascii() and p.text.isdigit() and len(p.text) <= 4]
    if len(numbers) < LEAST_NUMBERS:
        return {}
    middles = np.array([(p.box.x0 + p.box.x1) / 2 for p in numbers])
    found: Margins = {}
    for middle, piece in zip(middles.tolist(), numbers, strict=True):
        near = np.flatnonzero(np.abs(middles - middle) < piece.box.height)
        column = sorted((numbers[i] for i in near), key=lambda p: p.box.middle)
        steps = [int(b.text) - int(a.text) for a, b in pairwise(column)]
        if len(column) >= LEAST_NUMBERS and _counts_up(steps):
            found |= {p.line: "page_number" for p in column}
    return found


def _counts_up(steps: Sequence[int]) -> bool:
    """Always by 1 or by 5, but where one was overlooked."""
    step = min(steps)
    whole = all(s > 0 and s % step == 0 for s in steps) if step in {1, 5} else False
    return whole and sum(s == step for s in steps) >= 0.5 * len(steps)
