"""From an engine's frame and numbers to those of the page, as `domain` tells them."""

import math
import unicodedata
from dataclasses import replace

from ..domain import Block, Polygon, TextLine, Word
from ..errors import EngineFault

__all__ = ["block_in_page_px", "clean_text", "line_in_page_px", "polygon_in_page_px"]


def line_in_page_px(line: TextLine, scale: float) -> TextLine:
    """A line of a picture that shows the page at `scale` pixels for one of the page.

    Raises:
        EngineFault: a number in it is none.
    """
    words = None
    if line.words is not None:
        words = tuple(
            Word(clean_text(word.text), _score(word.score), polygon_in_page_px(word.polygon, scale))
            for word in line.words
        )
    return TextLine(
        clean_text(line.text),
        _score(line.score),
        polygon_in_page_px(line.polygon, scale),
        line.engine,
        words,
        line.polygon_source,
        line.flags,
    )


def block_in_page_px(block: Block, scale: float) -> Block:
    """The same of a block."""
    return replace(
        block,
        text=clean_text(block.text),
        polygon=block.polygon and polygon_in_page_px(block.polygon, scale),
        html=clean_text(block.html),
        latex=clean_text(block.latex),
    )


def clean_text(text: str) -> str:
    """NFC; half a surrogate pair, which a PDF's text layer may hold, becomes a question mark."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "replace").decode()


def polygon_in_page_px(polygon: Polygon, scale: float) -> Polygon:
    """In tenths of a pixel: finer than any detector is, and short in an answer."""
    a, b, c, d = ((_finite(x / scale, 1), _finite(y / scale, 1)) for x, y in polygon)
    return a, b, c, d


def _score(value: float) -> float:
    return _finite(value, 4)


def _finite(value: float, digits: int) -> float:
    """A plain float; engines hand out numpy's, and a NaN would break the answer's JSON."""
    value = float(value)
    if not math.isfinite(value):
        raise EngineFault("The engine answered with a number that is none.")
    return round(value, digits)
