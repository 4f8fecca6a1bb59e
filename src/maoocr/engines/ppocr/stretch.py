"""How wide a line must be for the recognizer: by characters, not by pixels.

CTC emits at most one character a step, and a step is 8 pixels of a crop 48 pixels high. At full
width Chinese characters have about five steps each, Latin letters two. The cost of a line grows
with its steps, so a line is squeezed until its characters have the steps that they need; one that
turns out denser than its page is read again, wider.
"""

from collections.abc import Sequence

import numpy as np

from .crops import HEIGHT_PX, STEP_PX, Crop
from .ctc import Reading, stands_alone

__all__ = ["is_ideographic", "is_starved", "page_squeeze", "squeezed", "wider"]

STEPS_PER_LETTER = 1.6
STEPS_PER_IDEOGRAPH = 2.75
STARVED_LETTER = 1.4
STARVED_IDEOGRAPH = 2.1
MIN_SQUEEZE = 0.6
WEAK_SCORE = 0.85
SHORT_ASPECT = 8.0
"""Lines of fewer heights cost little at full width, and many of them are numbers."""
DIGIT_SHARE = 0.3
"""From that share of digits on, a line is a number: 000 squeezed is read as 00 without a doubt."""

_STEPS_PER_HEIGHT = HEIGHT_PX / STEP_PX


def is_ideographic(text: str) -> bool:
    """Whether most characters are of a script that is written in squares."""
    return sum(map(stands_alone, text)) * 2 > len(text)


def _wanted(text: str) -> float:
    return STEPS_PER_IDEOGRAPH if is_ideographic(text) else STEPS_PER_LETTER


def page_squeeze(sample: Sequence[tuple[Crop, Reading]]) -> float:
    """How far the lines of a page may be squeezed, told from a few that were read at full width."""
    squeezes = [
        _wanted(reading.text) * len(reading.glyphs) / (_STEPS_PER_HEIGHT * crop.aspect)
        for crop, reading in sample
        if reading.score >= WEAK_SCORE and len(reading.glyphs) >= 4
    ]
    if not squeezes:
        return 1.0
    # The denser half of the sample decides: reading twice costs more than reading wide.
    squeeze = float(np.percentile(squeezes, 75))
    return min(1.0, max(MIN_SQUEEZE, squeeze))


def squeezed(crop: Crop, squeeze: float) -> Crop:
    """The same line, squeezed like its page unless it is short."""
    return Crop(crop.page, crop.box, 1.0 if crop.aspect < SHORT_ASPECT else squeeze)


def is_starved(crop: Crop, reading: Reading) -> bool:
    """Whether a squeezed line should be read again, at full width."""
    if crop.squeeze >= 0.95 or not reading.glyphs:
        return False
    digits = sum(glyph.text.isdigit() for glyph in reading.glyphs)
    if digits >= DIGIT_SHARE * len(reading.glyphs):
        return True
    steps = crop.wanted_width / STEP_PX / len(reading.glyphs)
    limit = STARVED_IDEOGRAPH if is_ideographic(reading.text) else STARVED_LETTER
    return steps < limit or reading.score < WEAK_SCORE


def wider(crop: Crop) -> Crop:
    """The same line at full width."""
    return Crop(crop.page, crop.box, 1.0)
