"""The glyphs of a PDF page -> lines and words with polygons, in reading order.

The document's own order is kept, since its producer knew it; a line ends where the document says
so and where a gap shows that another cell or column begins. Only where lines were written straight
across columns are the columns put one after the other.
"""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..domain import Polygon, TextLine, Word
from .pdf_columns import in_columns
from .pdf_layer import Glyph, TextLayer

__all__ = ["ENGINE", "read_lines"]

ENGINE = "pdf-text-layer"

_CELL_GAP = 2.0
_BACK_GAP = -1.0
_JOIN_GAP = (-0.3, 0.4)
_BASELINE_SHIFT = 0.6
_TURN_RAD = math.radians(5)
_SNAP_RAD = math.radians(2)


@dataclass(slots=True)
class _Run:
    """Glyphs of one line so far, spaces among them; `row` counts the document's own lines."""

    glyphs: list[Glyph]
    row: int

    @property
    def last(self) -> Glyph:
        return next(g for g in reversed(self.glyphs) if g.size)

    @property
    def ink(self) -> list[Glyph]:
        return [g for g in self.glyphs if g.size]


def read_lines(layer: TextLayer, words: bool, *, visible_only: bool) -> tuple[TextLine, ...]:
    """The lines of a page, in pixels of the page as shown; scores are 1, since nothing is guessed.

    Args:
        layer: the glyphs.
        words: also give the words of each line.
        visible_only: leave out hidden text.
    """
    runs = _joined(list(_runs(layer.glyphs, visible_only)))
    boxes = [_bounds(run.ink) for run in runs]
    order = in_columns(boxes, [run.row for run in runs], [_letters(run) for run in runs])
    lines = (_line(runs[index], words) for index in order)
    return tuple(line for line in lines if line is not None)


def _runs(glyphs: Sequence[Glyph | None], visible_only: bool) -> Iterator[_Run]:
    run: _Run | None = None
    row = 0
    for glyph in glyphs:
        if glyph is None:
            row += 1
            if run:
                yield run
            run = None
        elif not glyph.size:
            if run:
                run.glyphs.append(glyph)
        elif glyph.visible or not visible_only:
            if run and not _continues(run.last, glyph):
                yield run
                run = None
            if run is None:
                run = _Run([], row)
            run.glyphs.append(glyph)
    if run:
        yield run


def _continues(before: Glyph, glyph: Glyph) -> bool:
    em = max(before.size, glyph.size)
    gap, shift = _step(before, glyph)
    return (
        abs(_difference(before.angle, glyph.angle)) <= _TURN_RAD
        and abs(shift) <= _BASELINE_SHIFT * em
        and _BACK_GAP * em <= gap <= _CELL_GAP * em
    )


def _step(before: Glyph, glyph: Glyph) -> tuple[float, float]:
    """Gap along the line between the ink of two glyphs, and shift of the baseline across it."""
    cos, sin = math.cos(before.angle), math.sin(before.angle)
    end = max(x * cos + y * sin for x, y in _corners(before.box))
    start = min(x * cos + y * sin for x, y in _corners(glyph.box))
    dx, dy = glyph.origin[0] - before.origin[0], glyph.origin[1] - before.origin[1]
    return start - end, dy * cos - dx * sin


def _difference(first: float, second: float) -> float:
    return (second - first + math.pi) % (2 * math.pi) - math.pi


def _joined(runs: list[_Run]) -> list[_Run]:
    """Put runs together that the document broke although they touch (a bold word, an exponent)."""
    joined: list[_Run] = []
    for run in runs:
        before = joined[-1] if joined else None
        if before and _touches(before.last, run.ink[0]):
            gap, _ = _step(before.last, run.ink[0])
            if gap > 0.15 * run.ink[0].size and before.glyphs[-1].size:
                before.glyphs.append(Glyph(" ", (0, 0, 0, 0), (0, 0), 0, 0, True, False))
            before.glyphs.extend(run.glyphs)
        else:
            joined.append(run)
    return joined


def _touches(before: Glyph, glyph: Glyph) -> bool:
    em = max(before.size, glyph.size)
    gap, shift = _step(before, glyph)
    return (
        abs(_difference(before.angle, glyph.angle)) <= _TURN_RAD
        and abs(shift) <= _BASELINE_SHIFT * em
        and _JOIN_GAP[0] * em <= gap <= _JOIN_GAP[1] * em
    )


def _letters(run: _Run) -> int:
    return sum(glyph.text.isalpha() for glyph in run.ink)


def _line(run: _Run, words: bool) -> TextLine | None:
    parts = list(_words(run.glyphs))
    if not parts:
        return None
    return TextLine(
        text=_text(run.glyphs),
        score=1.0,
        polygon=_polygon(run.ink),
        engine=ENGINE,
        words=tuple(Word(_text(p), 1.0, _polygon(p)) for p in parts) if words else None,
    )


def _text(glyphs: Sequence[Glyph]) -> str:
    return unicodedata.normalize("NFC", " ".join("".join(g.text for g in glyphs).split()))


def _words(glyphs: Sequence[Glyph]) -> Iterator[list[Glyph]]:
    word: list[Glyph] = []
    for glyph in glyphs:
        alone = bool(glyph.size) and _is_unspaced(glyph.text)
        if (alone or not glyph.size) and word:
            yield word
            word = []
        if alone:
            yield [glyph]
        elif glyph.size:
            word.append(glyph)
    if word:
        yield word


def _is_unspaced(character: str) -> bool:
    """Whether the script of this character puts no spaces between words (Han, kana)."""
    code = ord(character[0])
    return 0x3041 <= code <= 0x30FF or 0x3400 <= code <= 0x9FFF or 0x20000 <= code <= 0x3FFFF


def _polygon(glyphs: Sequence[Glyph]) -> Polygon:
    """The box of the ink along the direction of the text, clockwise from the text's top left."""
    angle = _snapped(glyphs[0].angle)
    cos, sin = math.cos(angle), math.sin(angle)
    points = [corner for g in glyphs for corner in _corners(g.box)]
    along = [x * cos + y * sin for x, y in points]
    across = [y * cos - x * sin for x, y in points]
    left, right, top, bottom = min(along), max(along), min(across), max(across)

    def back(u: float, v: float) -> tuple[float, float]:
        return round(u * cos - v * sin, 2), round(u * sin + v * cos, 2)

    return back(left, top), back(right, top), back(right, bottom), back(left, bottom)


def _snapped(angle: float) -> float:
    quarter = round(angle / (math.pi / 2)) * (math.pi / 2)
    return quarter if abs(angle - quarter) <= _SNAP_RAD else angle


def _corners(
    box: tuple[float, float, float, float],
) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]:
    left, top, right, bottom = box
    return (left, top), (right, top), (right, bottom), (left, bottom)


def _bounds(glyphs: Sequence[Glyph]) -> tuple[float, float, float, float]:
    return (
        min(g.box[0] for g in glyphs),
        min(g.box[1] for g in glyphs),
        max(g.box[2] for g in glyphs),
        max(g.box[3] for g in glyphs),
    )
