"""What a recognizer's output says: CTC's best path (Graves et al. 2006), glyph by glyph."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOTHING", "Glyph", "Reading", "decode_ctc", "stands_alone", "text_of"]

_UNSPACED = (
    (0x2E80, 0xA4CF),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE4F),
    (0xFF00, 0xFFEF),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character as the network emitted it; `centre` is a fraction of the line's length."""

    text: str
    score: float
    centre: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one crop says: NFC text, the mean score of its glyphs, and the glyphs."""

    text: str
    score: float
    glyphs: tuple[Glyph, ...]


NOTHING = Reading("", 0.0, ())


def stands_alone(character: str) -> bool:
    """Whether the script is written without spaces, so that each character counts as a word."""
    code = ord(character[0])
    return any(low <= code <= high for low, high in _UNSPACED)


def text_of(glyphs: Sequence[Glyph]) -> str:
    """The glyphs as one text, in NFC."""
    return unicodedata.normalize("NFC", "".join(glyph.text for glyph in glyphs))


def decode_ctc(
    classes: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    charset: Sequence[str],
    filled: float = 1.0,
) -> Reading:
    """Read the best class of each step: repeats count once, class 0 is nothing.

    Args:
        classes: shape (steps,).
        probabilities: shape (steps,).
        charset: what each class stands for.
        filled: share of the steps that the line's pixels fill; the rest is padding.
    """
    kept = classes != 0
    kept[1:] &= classes[1:] != classes[:-1]
    at = np.flatnonzero(kept)
    if not len(at):
        return NOTHING
    steps = len(classes) * filled
    glyphs = tuple(
        Glyph(charset[classes[i]], float(probabilities[i]), min(1.0, (i + 0.5) / steps))
        for i in at.tolist()
    )
    return Reading(text_of(glyphs), float(probabilities[at].mean()), glyphs)
