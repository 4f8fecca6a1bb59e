"""Text of a model that reads whole pages, held against the lines that a detector found. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..domain import PageResult, Polygon, TextLine
from .cascade import together
from .matching import Bigrams, bigrams, covered, plain

__all__ = ["aligned"]

CONTAINED = 0.7
"""Share of a line's pairs of characters in another one's, from which one is part of the other."""
SUPPORTED = 0.5
"""The same in all that was detected, below which nothing on the page supports a line."""
LEAST_LENGTH = 4
MOST_UNSUPPORTED = 0.3
"""Share of a page's characters without support, above which the page itself is flagged."""
CERTAIN_SCORE, LEAST_CERTAIN = 0.9, 16
"""Of a line that the detector's engine is sure of, and characters of such lines from which on they
tell that something is missing."""
MOST_MISSING, MOST_MISSING_BESIDE = 0.5, 0.9
"""Share of the certain lines' characters that the model left out, above which the page is flagged;
the second where it gave formulas or figures, in which a detector finds lines too."""
MOST_CANDIDATES = 12
UNSUPPORTED_SCORE = 0.5

_UNREADABLE = {"formula", "figure", "chart"}
"""Blocks whose text no detector of lines sees as it is written down."""


@dataclass(frozen=True, slots=True)
class _Seen:
    polygon: Polygon
    pairs: Bigrams
    score: float


class _Detected:
    """The lines of a page, found by what is written in them."""

    def __init__(self, lines: Sequence[TextLine]) -> None:
        self._seen = [_Seen(line.polygon, bigrams([line.text]), line.score) for line in lines]
        self.pairs: Bigrams = Counter()
        self._by_pair: dict[str, list[int]] = {}
        for index, one in enumerate(self._seen):
            self.pairs.update(one.pairs)
            for pair in one.pairs:
                self._by_pair.setdefault(pair, []).append(index)

    def matches(self, pairs: Bigrams) -> list[_Seen]:
        """The one line that holds the text, or those lines that it joins."""
        common: Counter[int] = Counter()
        for pair in pairs:
            common.update(self._by_pair.get(pair, ()))
        ranked = [self._seen[index] for index, _ in common.most_common(MOST_CANDIDATES)]
        whole = [one for one in ranked if covered(pairs, one.pairs) >= CONTAINED]
        if whole:
            return [max(whole, key=lambda one: covered(one.pairs, pairs))]
        parts = [one for one in ranked if covered(one.pairs, pairs) >= CONTAINED]
        joined: Bigrams = Counter()
        for part in parts:
            joined.update(part.pairs)
        return parts if covered(pairs, joined) >= SUPPORTED else []


def aligned(read: PageResult, support: PageResult) -> PageResult:
    """The page as the model read it, with places and doubts of the lines that were detected.

    Args:
        read: by the model.
        support: the same page as an engine with a detector read it, turned alike.
    """
    detected = _Detected(support.lines)
    exempt = {
        i for block in read.blocks if block.kind in _UNREADABLE or block.latex for i in block.lines
    }
    lines = [
        line if i in exempt else _supported(line, detected) for i, line in enumerate(read.lines)
    ]
    flags = read.flags
    if _unsupported_share(lines) > MOST_UNSUPPORTED:
        flags = flags if "unsupported" in flags else (*flags, "unsupported")
    if _missing_share(read, support) > (MOST_MISSING_BESIDE if exempt else MOST_MISSING):
        flags = (*flags, "incomplete")
    return replace(
        read,
        width=support.width,
        height=support.height,
        rotation_deg=support.rotation_deg,
        lines=tuple(lines),
        flags=flags,
        spent=together(read.spent, support.spent),
        queue_s=read.queue_s + support.queue_s,
        decode_s=read.decode_s + support.decode_s,
        recognize_s=read.recognize_s + support.recognize_s,
    )


def _supported(line: TextLine, detected: _Detected) -> TextLine:
    pairs = bigrams([line.text])
    share = covered(pairs, detected.pairs)
    if share < SUPPORTED and len(plain(line.text)) >= LEAST_LENGTH:
        return replace(
            line, score=min(line.score, UNSUPPORTED_SCORE), flags=(*line.flags, "unsupported")
        )
    matches = detected.matches(pairs)
    if not matches:
        return line
    score = round(share * sum(m.score for m in matches) / len(matches), 4)
    polygon = matches[0].polygon if len(matches) == 1 else _around([m.polygon for m in matches])
    if line.polygon_source == "model" and len(matches) > 1:
        return replace(line, score=score)
    return replace(line, score=score, polygon=polygon, polygon_source="matched")


def _unsupported_share(lines: Sequence[TextLine]) -> float:
    characters = sum(len(line.text) for line in lines)
    doubted = sum(len(line.text) for line in lines if "unsupported" in line.flags)
    return doubted / characters if characters else 0.0


def _missing_share(read: PageResult, support: PageResult) -> float:
    """Of the characters of certain lines, those that the model did not write."""
    written = bigrams([*(line.text for line in read.lines), *(block.text for block in read.blocks)])
    found = missing = 0
    for line in support.lines:
        length = len(plain(line.text))
        if line.score < CERTAIN_SCORE or length < LEAST_LENGTH:
            continue
        found += length
        if covered(bigrams([line.text]), written) < SUPPORTED:
            missing += length
    return missing / found if found >= LEAST_CERTAIN else 0.0


def _around(polygons: Sequence[Polygon]) -> Polygon:
    xs = [x for polygon in polygons for x, _ in polygon]
    ys = [y for polygon in polygons for _, y in polygon]
    return (min(xs), min(ys)), (max(xs), min(ys)), (max(xs), max(ys)), (min(xs), max(ys))
