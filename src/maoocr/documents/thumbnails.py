"""Small pictures of first pages, for lists of documents."""

import asyncio
import io
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from PIL import Image

from ..domain import OcrOptions
from ..errors import MaoOCRError
from .counter import Named
from .limits import DecodeLimits
from .sandbox import Decoder

__all__ = ["Thumbnails"]

PIXELS = 50_000
DECODE_SECONDS = 3.0
MOST_WAITING = 8
MOST_REMEMBERED = 500
_OPTIONS = OcrOptions(pdf_text="ocr", dpi=36)


class Thumbnails:
    """Owns a decoder process, started at first use.

    Its own, so that nobody else waits for a picture that takes long; and with small limits: a
    picture is welcome where it is cheap, and left out where it is not.
    """

    def __init__(self, root: Path, limits: DecodeLimits) -> None:
        """Make pictures of the documents at `root/sha256`."""
        seconds = min(DECODE_SECONDS, limits.decode_seconds)
        small = replace(limits, max_image_pixels=PIXELS, decode_seconds=seconds)
        self._decoder = Decoder(root, small)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
        self._waiting = 0
        self._known: OrderedDict[str, bytes] = OrderedDict()

    def known(self, sha256: str) -> bytes | None:
        """The picture of a document, if it was taken lately."""
        return self._known.get(sha256)

    async def take(self, document: Named) -> None:
        """Have a picture taken of a document whose bytes lie in the spool; see `known`."""
        if document.sha256 in self._known or self._waiting >= MOST_WAITING:
            return
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            picture = await loop.run_in_executor(self._thread, self._take, document)
        finally:
            self._waiting -= 1
        if picture is not None:
            self._known[document.sha256] = picture
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)

    async def close(self) -> None:
        """End the decoder process."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._decoder.close)
        self._thread.shutdown()

    def _take(self, document: Named) -> bytes | None:
        try:
            page = self._decoder.page(document.sha256, document.kind, 1, _OPTIONS)
        except MaoOCRError:
            return None
        if page.image is None:
            return None
        out = io.BytesIO()
        # Pixels that the child has made; nothing of the document itself is decoded here.
        Image.fromarray(page.image).save(out, "WEBP", quality=60, method=2)
        return out.getvalue()
