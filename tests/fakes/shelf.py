"""Documents on disk with a decoder of them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from maoocr.documents.kinds import HEAD_BYTES, Kind, sniff
from maoocr.documents.sandbox import DecodedPage, Decoder
from maoocr.domain import OcrOptions


@dataclass
class Shelf:
    """A folder as the spool keeps it, without the spool."""

    root: Path
    decoder: Decoder

    def put(self, data: bytes) -> tuple[str, Kind]:
        sha256 = hashlib.sha256(data).hexdigest()
        (self.root / sha256).write_bytes(data)
        return sha256, sniff(data[:HEAD_BYTES])

    def pages(self, data: bytes) -> int:
        return self.decoder.probe(*self.put(data)).pages_total

    def read(self, data: bytes, number: int = 1, options: OcrOptions | None = None) -> DecodedPage:
        return self.decoder.page(*self.put(data), number, options or OcrOptions())
