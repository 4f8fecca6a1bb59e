"""Lines too long for one crop: cut where the ink is thinnest, read in parts, joined again."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .crops import MAX_WIDTH_PX, Crop, crop_line
from .ctc import NOTHING, Glyph, Reading, stands_alone, text_of

__all__ = ["cut", "join"]

PART_SHARE = 0.65
"""Length of a part against what one crop can hold: room to move its ends to a gap."""
PROBE_HEIGHT_PX = 16

Span = tuple[float, float]


def cut(crop: Crop) -> list[tuple[Crop, Span]]:
    """The parts of a line and where they begin and end, as fractions of it; one if it is short."""
    if crop.wanted_width <= MAX_WIDTH_PX:
        return [(crop, (0.0, 1.0))]
    parts = math.ceil(crop.wanted_width / (MAX_WIDTH_PX * PART_SHARE))
    length = max(parts, round(PROBE_HEIGHT_PX * crop.aspect))
    probe = crop_line(crop.page, crop.box, length, PROBE_HEIGHT_PX).astype(np.float32)
    ink = probe.std(axis=0).sum(axis=1)
    ink = np.convolve(ink, np.ones(PROBE_HEIGHT_PX // 4), mode="same")
    reach = max(1, length // (4 * parts))
    edges = [0.0]
    for i in range(1, parts):
        middle = length * i // parts
        low = max(0, middle - reach)
        edges.append((low + int(np.argmin(ink[low : middle + reach]))) / length)
    edges.append(1.0)
    spans = list(pairwise(edges))
    return [(_part(crop, start, end), (start, end)) for start, end in spans]


def _part(crop: Crop, start: float, end: float) -> Crop:
    a, b, c, d = crop.box
    box = np.array([a + start * (b - a), a + end * (b - a), d + end * (c - d), d + start * (c - d)])
    return Crop(crop.page, box.astype(np.float32), crop.squeeze)


def join(readings: Sequence[Reading], spans: Sequence[Span]) -> Reading:
    """One reading of the parts of a line; a cut between two words was a space."""
    if len(readings) == 1:
        return readings[0]
    glyphs: list[Glyph] = []
    for reading, (start, end) in zip(readings, spans, strict=True):
        if glyphs and reading.glyphs:
            before, after = glyphs[-1], reading.glyphs[0]
            if not any(g.text.isspace() or stands_alone(g.text) for g in (before, after)):
                glyphs.append(Glyph(" ", min(before.score, after.score), start))
        glyphs.extend(
            Glyph(g.text, g.score, start + g.centre * (end - start)) for g in reading.glyphs
        )
    if not glyphs:
        return NOTHING
    score = sum(glyph.score for glyph in glyphs) / len(glyphs)
    return Reading(text_of(glyphs), score, tuple(glyphs))
