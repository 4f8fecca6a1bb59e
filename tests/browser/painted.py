"""Pages that are painted instead of typeset, and an engine that reads them.

A line is a dark bar on white, one below the other; a grey bar is one that is hard to read. A green
square marks the top left corner of the upright page. The engine finds the bars in the pixels that
it is given, so that where a line is drawn can be compared with where its bar is seen.
"""

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maoocr.domain import OcrOptions, TextLine, Word
from maoocr.engines.base import EngineInfo, PageImage, PageText, Run

Box = tuple[int, int, int, int]

BLACK = (0, 0, 0)
GREY = (110, 110, 110)
GREEN = (0, 160, 0)
MARK_PX = 24

THREE_BARS: tuple[Box, ...] = ((60, 60, 420, 84), (60, 130, 300, 160), (120, 220, 540, 244))


@dataclass(frozen=True)
class Painting:
    """A page to paint: `turned` is how far it lies clockwise from upright, in degrees."""

    bars: tuple[Box, ...] = THREE_BARS
    hard: frozenset[int] = frozenset()
    size: tuple[int, int] = (600, 400)
    turned: int = 0
    paper: tuple[int, int, int] = (255, 255, 255)

    def image(self) -> Image.Image:
        """The picture as it would lie on the scanner."""
        image = Image.new("RGB", self.size, self.paper)
        image.paste(GREEN, (0, 0, MARK_PX, MARK_PX))
        for index, box in enumerate(self.bars):
            image.paste(GREY if index in self.hard else BLACK, box)
        return image.rotate(-self.turned, expand=True)

    def png(self) -> bytes:
        """The picture as a PNG."""
        return encoded(self.image(), "PNG")


HELD_PAPER = (255, 255, 200)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pages(kind: str, paintings: Sequence[Painting]) -> bytes:
    first, *rest = [painting.image() for painting in paintings]
    return encoded(first, kind, save_all=True, append_images=rest)


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def find_bars(rgb: PageImage) -> list[tuple[Box, bool]]:
    """Each bar's box and whether it is black, from the top down."""
    pixels = rgb.astype(np.int16)
    spread = pixels.max(axis=2) - pixels.min(axis=2)
    dark = (pixels.max(axis=2) < 150) & (spread < 40)
    found = []
    for top, bottom in _runs(dark.mean(axis=1) > 0.05):
        columns = np.flatnonzero(dark[top:bottom].mean(axis=0) > 0.5)
        if columns.size:
            left, right = int(columns[0]), int(columns[-1]) + 1
            middle = pixels[(top + bottom) // 2, (left + right) // 2]
            found.append(((left, top, right, bottom), bool(middle.max() < 60)))
    return found


def find_mark(rgb: PageImage) -> int:
    """How far the page lies clockwise from upright, told by the corner of the green mark."""
    pixels = rgb.astype(np.int16)
    green = (pixels[:, :, 1] - pixels[:, :, 0] > 80) & (pixels[:, :, 1] - pixels[:, :, 2] > 80)
    ys, xs = np.nonzero(green)
    if not ys.size:
        return 0
    right = xs.mean() > rgb.shape[1] / 2
    low = ys.mean() > rgb.shape[0] / 2
    return {(False, False): 0, (True, False): 90, (True, True): 180, (False, True): 270}[right, low]


class PaintedEngine:
    """Reads painted pages: the n-th bar of a page is the n-th of `texts`.

    A page on yellow paper is held until its caller leaves.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = list(texts)
        self.info = EngineInfo("painted", "1", ("en",))

    def recognize(
        self, pages: Sequence[PageImage], options: OcrOptions, run: Run
    ) -> list[PageText]:
        return [self._read(page, options, run) for page in pages]

    def _read(self, page: PageImage, options: OcrOptions, run: Run) -> PageText:
        while tuple(page[page.shape[0] // 2, 2]) == HELD_PAPER:
            run.checkpoint()
            threading.Event().wait(0.02)
        back = (360 - find_mark(page)) % 360
        upright = np.rot90(page, -back // 90)
        lines = [
            self._line(index, box, clear, options.words)
            for index, (box, clear) in enumerate(find_bars(upright))
        ]
        return PageText(upright.shape[1], upright.shape[0], back, tuple(lines))

    def _line(self, index: int, box: Box, clear: bool, words: bool) -> TextLine:
        left, top, right, bottom = map(float, box)
        text = self._texts[index % len(self._texts)]
        score = 0.98 if clear else 0.55
        polygon = ((left, top), (right, top), (right, bottom), (left, bottom))
        word = (Word(text, score, polygon),) if words else None
        return TextLine(text, score, polygon, "painted", word)

    def close(self) -> None:
        pass
