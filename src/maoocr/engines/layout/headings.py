"""Which paragraphs are headings, and how deep they lie."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .paragraphs import Paragraph, TextRow
from .roles import is_caption, numbering_depth

__all__ = ["Body", "body_of", "heading_levels"]

MOST_ROWS = 3
MOST_CHARACTERS = 120
LARGE = 1.25
SOMEWHAT_LARGE = 1.1
BOLD = 1.13
TITLE = 1.5
SAME_SIZE = 0.88
FULL_LINE = 0.92
MOST_LEVELS = 6

_NO_HEADING_END = re.compile(r"[-.,;。\uff1b\uff0c、…][”\u2019\"')\uff09」』]*$")
_LETTERS = re.compile(r"[^\W\d_]")
_CJK_NUMBERING = re.compile(r"^(第|[\uff08(]?[一二三四五六七八九十]+[)\uff09、\uff0e.])")


@dataclass(frozen=True, slots=True)
class Body:
    """What most of a page's text looks like.

    Attributes:
        size: of its letters, in pixels.
        stroke: thickness of its strokes, in pixels; 0 where no picture tells.
    """

    size: float
    stroke: float


def body_of(rows: Sequence[TextRow]) -> Body:
    """Of all rows of a page: the median of their characters."""
    weights = [len(row.text) for row in rows]
    return Body(
        _weighted_median([row.size for row in rows], weights),
        _weighted_median([row.stroke for row in rows], weights),
    )


def _weighted_median(values: Sequence[float], weights: Sequence[int]) -> float:
    if not values:
        return 0.0
    order = np.argsort(values)
    passed = np.cumsum(np.array(weights)[order])
    return float(np.array(values)[order][np.searchsorted(passed, passed[-1] / 2)])


def heading_levels(found: Sequence[Paragraph], body: Body) -> dict[int, int]:
    """The headings among paragraphs in reading order, by their number; level 0 is the title."""
    numbers = [
        number
        for number, paragraph in enumerate(found)
        if _is_heading(paragraph, body, alone=_stands_alone(found, number))
    ]
    if not numbers:
        return {}
    sizes = {number: found[number].size for number in numbers}
    title = _title(found, sizes, body)
    rest = [number for number in numbers if number != title]
    base = 1 if title is None else 2
    levels = {} if title is None else {title: 0}
    steps = _steps([sizes[number] for number in rest])
    chinese = any(_CJK_NUMBERING.match(found[number].text) for number in rest)
    for number in rest:
        text = found[number].text
        depth = numbering_depth(text)
        if depth and chinese and text[0].isdigit():
            # Chinese numerals come first, plain and in brackets, then the digits.
            depth += 2
        step = sum(sizes[number] < SAME_SIZE * largest for largest in steps)
        levels[number] = min(MOST_LEVELS, base + (depth - 1 if depth else step))
    return levels


def _steps(sizes: Sequence[float]) -> list[float]:
    """The largest of each group of sizes that look the same, from the largest."""
    steps: list[float] = []
    for size in sorted(sizes, reverse=True):
        if not steps or size < SAME_SIZE * steps[-1]:
            steps.append(size)
    return steps


def _title(found: Sequence[Paragraph], sizes: dict[int, float], body: Body) -> int | None:
    first = min(sizes)
    others = [size for number, size in sizes.items() if number != first]
    above = [p for p in found[:first] if p.size >= body.size]
    is_title = sizes[first] >= TITLE * body.size and len(above) < 3
    return first if is_title and all(o < SAME_SIZE * sizes[first] for o in others) else None


def _stands_alone(found: Sequence[Paragraph], number: int) -> bool:
    """Whether what comes next is not another one of its kind (then it is an item, not a head)."""
    depth = numbering_depth(found[number].text)
    beside = [found[i] for i in (number - 1, number + 1) if 0 <= i < len(found)]
    return not depth or not any(
        numbering_depth(other.text) == depth and abs(other.box.x0 - found[number].box.x0) < 3
        for other in beside
    )


def _is_heading(paragraph: Paragraph, body: Body, *, alone: bool) -> bool:
    text = paragraph.text
    letters = len(_LETTERS.findall(text))
    if len(paragraph.rows) > MOST_ROWS or len(text) > MOST_CHARACTERS or letters < 2:
        return False
    if is_caption(text) or _NO_HEADING_END.search(text):
        return False
    ratio = paragraph.size / max(body.size, 1.0)
    bold = body.stroke > 0 and paragraph.stroke >= BOLD * body.stroke
    numbered = numbering_depth(text) > 0 and alone
    if ratio >= LARGE:
        return True
    width = paragraph.right - paragraph.left
    if len(paragraph.rows) > 1 or paragraph.box.width > FULL_LINE * width or ratio < 0.8:
        return False
    if bold:
        return True
    if text.isupper() and letters >= 4:
        return ratio >= 0.9 and len(text.split()) > 1
    return numbered and (ratio >= SOMEWHAT_LARGE or body.stroke == 0) and len(text) <= 60
