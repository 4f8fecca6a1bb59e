"""How far a text that was read is from the text that is there.

Both texts are first brought to one form: NFKC; dashes, quotes, dots and the like that look the same
become the same; white space goes. Then, for a group of images:

- CER: edit distance by the number of true characters, both summed over the images (so a long page
  weighs more). Reading order counts, so images without one right order are left out.
- charF1: bag of characters; blind to order.
- pairF1: bag of neighbouring characters within words; blind to the order of lines and cells, but
  not to spelling.
- exact: the share of images without any error.

An image without text has no error when nothing was read on it; else all that was read is wrong.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

__all__ = ["Score", "Scores", "canonical", "score", "total"]

_ALIKE = {
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d\u2e3a\u30fc\u2500",
    "'": "\u2018\u2019\u201a\u2032`\u00b4",
    '"': "\u201c\u201d\u201e\u2033\u301d\u301e\u00ab\u00bb",
    "\u00b7": "\u2022\u2219\u22c5\u30fb\uff65\u25cf\u25e6\u2027",
    "~": "\uff5e\u223c\u301c",
    "...": "\u2026\u22ef",
    "<": "\u3008",
    ">": "\u3009",
    "x": "\u00d7\u2715",
    "\u3002": "\uff61",
    "\u00a5": "\uffe5",
}
_TO_ONE_FORM = {ord(char): form for form, alike in _ALIKE.items() for char in alike}
_SPACE = re.compile(r"[\s\u200b-\u200f\ufeff\u00ad]+")
_DASHES = re.compile(r"-{2,}")
_BETWEEN_WORDS = re.compile(r"\s+")


def canonical(text: str, *, case: bool = True) -> str:
    """The text in the one form in which texts are compared."""
    text = unicodedata.normalize("NFKC", text.translate(_TO_ONE_FORM)).translate(_TO_ONE_FORM)
    text = _DASHES.sub("-", _SPACE.sub("", text))
    return text if case else text.casefold()


@dataclass(frozen=True, slots=True)
class Score:
    """One image; counts of characters and of neighbouring characters, so that groups can be summed.

    Attributes:
        edits: edit distance.
        ordered: the image has one right reading order.
    """

    true_chars: int
    read_chars: int
    common_chars: int
    true_pairs: int
    read_pairs: int
    common_pairs: int
    edits: int
    ordered: bool


@dataclass(frozen=True, slots=True)
class Scores:
    """A group of images; `cer` is None when no ordered image of it has any text."""

    images: int
    chars: int
    ordered_images: int
    cer: float | None
    char_f1: float
    pair_f1: float
    exact: float


def score(true: str, read: str, *, ordered: bool = True, case: bool = True) -> Score:
    """Compare what was read on an image with what is there."""
    a, b = canonical(true, case=case), canonical(read, case=case)
    chars_a, chars_b = Counter(a), Counter(b)
    pairs_a, pairs_b = _pairs(true, case), _pairs(read, case)
    return Score(
        true_chars=len(a),
        read_chars=len(b),
        common_chars=(chars_a & chars_b).total(),
        true_pairs=pairs_a.total(),
        read_pairs=pairs_b.total(),
        common_pairs=(pairs_a & pairs_b).total(),
        edits=Levenshtein.distance(a, b),
        ordered=ordered,
    )


def _pairs(text: str, case: bool) -> "Counter[str]":
    found: Counter[str] = Counter()
    for word in _BETWEEN_WORDS.split(text):
        form = canonical(word, case=case)
        found.update(form[i : i + 2] for i in range(len(form) - 1))
    return found


def total(scores: Iterable[Score]) -> Scores:
    """Sum up a group of at least one image."""
    group = list(scores)
    ordered = [s for s in group if s.ordered]
    ordered_chars = sum(s.true_chars for s in ordered)
    chars = sum(s.true_chars for s in group)
    return Scores(
        images=len(group),
        chars=chars,
        ordered_images=len(ordered),
        cer=sum(s.edits for s in ordered) / ordered_chars if ordered_chars else None,
        char_f1=_f1(sum(s.common_chars for s in group), chars, sum(s.read_chars for s in group)),
        pair_f1=_f1(
            sum(s.common_pairs for s in group),
            sum(s.true_pairs for s in group),
            sum(s.read_pairs for s in group),
        ),
        exact=sum(s.edits == 0 for s in group) / len(group),
    )


def _f1(common: int, true: int, read: int) -> float:
    return 2 * common / (true + read) if true + read else 1.0
