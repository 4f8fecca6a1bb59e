"""An engine without a model: runs the whole server in tests and demonstrations.

It reads tokens, that is text written into a picture as black and white cells of 8 x 8 pixels from
its top left, 32 to a row, the most significant bit of each byte first: two bytes of magic, the
length, the text in UTF-8, and a CRC-32. A picture without a token is answered with a digest of its
pixels, and one of a single colour as an empty page.
"""

import hashlib
import time
import zlib
from collections.abc import Sequence

import numpy as np

from ..domain import OcrOptions, Polygon, TextLine, Word
from .base import EngineInfo, PageImage, PageText, Run

__all__ = ["FakeEngine", "picture_of", "token_in"]

CELL_PX = 8
ROW_BITS = 32
MAGIC = b"\xa5\x5a"
MAX_TEXT_BYTES = 255
NAP_SECONDS = 0.01


class FakeEngine:
    """Answers every page with its token; see the module."""

    def __init__(self, *, name: str = "fake", delay_s: float = 0.0, digest: str = "fake-1") -> None:
        """Make it.

        Args:
            name: what it calls itself.
            delay_s: what a page takes.
            digest: of the model that it has not.
        """
        self._name = name
        self._digest = digest
        self._delay_s = delay_s

    @property
    def info(self) -> EngineInfo:
        """There is nothing to load."""
        return EngineInfo(self._name, model_digest=self._digest, languages=("en",))

    def recognize(
        self, pages: Sequence[PageImage], options: OcrOptions, run: Run
    ) -> list[PageText]:
        """Read the token of each page; see `Engine.recognize`."""
        return [self._read(page, options, run) for page in pages]

    def close(self) -> None:
        """There is nothing to free."""

    def _read(self, page: PageImage, options: OcrOptions, run: Run) -> PageText:
        end = time.monotonic() + self._delay_s
        run.checkpoint()
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, NAP_SECONDS))
            run.checkpoint()
        height, width = page.shape[:2]
        if page.size == 0 or (page == page[0, 0]).all():
            return PageText(width, height)
        text = token_in(page) or hashlib.sha256(page.tobytes()).hexdigest()[:16]
        w, h = float(width), float(height)
        polygon: Polygon = ((0.0, 0.0), (w, 0.0), (w, h), (0.0, h))
        words = (Word(text, 1.0, polygon),) if options.words else None
        return PageText(width, height, lines=(TextLine(text, 1.0, polygon, self._name, words),))


def picture_of(text: str) -> PageImage:
    """The smallest picture, shape (H, 256, 3), that reads as this text.

    Raises:
        ValueError: the text is longer than 255 bytes of UTF-8.
    """
    body = text.encode()
    if len(body) > MAX_TEXT_BYTES:
        raise ValueError(f"The text has {len(body)} bytes; at most {MAX_TEXT_BYTES} fit.")
    data = MAGIC + bytes([len(body)]) + body
    data += zlib.crc32(data).to_bytes(4, "big")
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    rows = np.pad(bits, (0, -len(bits) % ROW_BITS)).reshape(-1, ROW_BITS)
    cells = np.kron(rows, np.ones((CELL_PX, CELL_PX), np.uint8)) * np.uint8(255)
    return np.repeat(cells[:, :, None], 3, axis=2)


def token_in(page: PageImage) -> str | None:
    """The text that `picture_of` wrote at the top left; None when there is none."""
    half = CELL_PX // 2
    cells = page[half::CELL_PX, half : CELL_PX * ROW_BITS : CELL_PX]
    if cells.shape[1] < ROW_BITS or cells.shape[0] < 2:
        return None
    bits = cells[:, :, 1] > 127
    head = np.packbits(bits[:1]).tobytes()
    if head[:2] != MAGIC:
        return None
    size = len(MAGIC) + 1 + head[2]
    data = np.packbits(bits[: -(-(size + 4) * 8 // ROW_BITS)]).tobytes()
    if zlib.crc32(data[:size]).to_bytes(4, "big") != data[size : size + 4]:
        return None
    return data[3:size].decode(errors="replace")
