"""Pages that are drawn, with the lines that a perfect reader would find on them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from maoocr.domain import Polygon, TextLine, Word

SIZE = 22
PAD = 3
"""A detector's box is that much larger than the ink."""


def upright(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def line(text: str, x: float, y: float, width: float, height: float = 24) -> TextLine:
    """A line without a picture."""
    return TextLine(text, 0.9, upright(x, y, x + width, y + height), "test")


class Sheet:
    """White paper."""

    def __init__(self, width: int = 1240, height: int = 1754) -> None:
        self.size = width, height
        self.picture = Image.new("RGB", self.size, "white")
        self._draw = ImageDraw.Draw(self.picture)
        self.lines: list[TextLine] = []

    @property
    def image(self) -> NDArray[np.uint8]:
        return np.asarray(self.picture)

    def write(
        self, x: float, y: float, text: str, size: float = SIZE, *, bold: bool = False
    ) -> float:
        """Write a line and take it down with its words; gives where it ends."""
        font = ImageFont.load_default(size)
        stroke = 1 if bold else 0
        self._draw.text((x, y), text, "black", font, stroke_width=stroke)
        top, bottom = y - PAD, y + 1.25 * size + PAD
        words, at = [], 0
        for word in text.split():
            at = text.index(word, at)
            left = x + font.getlength(text[:at])
            right = x + font.getlength(text[: at + len(word)])
            words.append(Word(word, 0.9, upright(left, top, right, bottom)))
            at += len(word)
        end = x + font.getlength(text)
        polygon = upright(x - PAD, top, end + PAD, bottom)
        self.lines.append(TextLine(text, 0.9, polygon, "test", tuple(words)))
        return float(end)

    def merge(self, *texts: str) -> None:
        """Make one line of those that were written, as a detector does with close cells."""
        parts = [next(line for line in self.lines if line.text == text) for text in texts]
        words = tuple(word for part in parts for word in part.words or ())
        polygon = upright(
            parts[0].polygon[0][0],
            parts[0].polygon[0][1],
            parts[-1].polygon[1][0],
            parts[-1].polygon[2][1],
        )
        first = self.lines.index(parts[0])
        self.lines = [line for line in self.lines if line not in parts]
        self.lines.insert(first, TextLine(" ".join(texts), 0.9, polygon, "test", words))

    def rule(self, x0: float, y0: float, x1: float, y1: float, width: int = 2) -> None:
        self._draw.line((x0, y0, x1, y1), "black", width)

    def grid(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        for x in xs:
            self.rule(x, ys[0], x, ys[-1])
        for y in ys:
            self.rule(xs[0], y, xs[-1], y)

    def erase(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Make what is drawn there white again, to join cells."""
        self._draw.rectangle((x0, y0, x1, y1), "white")

    def turned(self, degrees: float) -> "Sheet":
        """The same page, photographed askew (clockwise)."""
        sheet = Sheet(*self.size)
        sheet.picture = self.picture.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor="white")
        a = np.deg2rad(degrees)
        turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        middle = np.array(self.size) / 2

        def moved(polygon: Polygon) -> Polygon:
            p, q, r, s = (
                (float(x), float(y)) for x, y in (np.array(polygon) - middle) @ turn + middle
            )
            return p, q, r, s

        for given in self.lines:
            words = tuple(Word(w.text, w.score, moved(w.polygon)) for w in given.words or ())
            sheet.lines.append(TextLine(given.text, 0.9, moved(given.polygon), "test", words))
        return sheet


def rows_of(html: str) -> list[list[str]]:
    """The cells' texts as written, `a*2x3` for one that spans two rows and three columns."""
    import re

    rows = []
    for row in re.findall(r"<tr>(.*?)</tr>", html):
        cells = []
        for attributes, text in re.findall(r"<td([^>]*)>(.*?)</td>", row):
            spans = dict(re.findall(r'(\w+)="(\d+)"', attributes))
            high, wide = spans.get("rowspan", "1"), spans.get("colspan", "1")
            cells.append(text if (high, wide) == ("1", "1") else f"{text}*{high}x{wide}")
        rows.append(cells)
    return rows
