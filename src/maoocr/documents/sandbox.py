"""The client of the decoder child: pages out of documents, whatever is in them.

A document that crashes, fills the memory or burns the time of its decoder ends that child process
(about 60 MB), and the page fails with `PageTooComplex`; the next page gets a new child.
"""

import mmap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ..domain import OcrOptions, TextLine
from ..errors import MaoOCRError, PageTooComplex
from . import wire
from .child import DecoderChild
from .kinds import Kind
from .limits import DECODE_SECONDS, DECODER_MEMORY, DecodeLimits

__all__ = ["DecodedPage", "Decoder", "PageImage", "Probe"]

PageImage = NDArray[np.uint8]
"""RGB, shape (H, W, 3), EXIF orientation already applied, read-only."""

_KEEP_BYTES = 32 * 1024 * 1024
"""Shared memory above this size is given back after the page that needed it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What the header of a document says.

    Attributes:
        pages_total: that it has.
        pixels: of its first page; None where that page is broken.
    """

    pages_total: int
    pixels: int | None = None


@dataclass(frozen=True, slots=True)
class DecodedPage:
    """One page, upright by its EXIF orientation or /Rotate.

    Attributes:
        width: of the page in pixels, before it was scaled down to what an engine is given.
        height: likewise.
        scale: pixels of `image` per pixel of the page, at most 1.
        image: the picture to read; None where `layer` is set.
        layer: the page's own text, in pixels of the page; None where there is a picture to read.
            An empty tuple is a page whose layer holds no text.
        decode_s: how long all this took.
    """

    width: int
    height: int
    scale: float
    image: PageImage | None
    layer: tuple[TextLine, ...] | None
    decode_s: float


class Decoder:
    """One child that decodes, started at first use and again after it died.

    For one thread at a time. The kernel kills the child when the thread that started it ends, so a
    thread that lives as long as the decoder should use it first.
    """

    def __init__(self, root: Path, limits: DecodeLimits) -> None:
        """Make a decoder of the documents at `root/sha256`; nothing is started yet."""
        self._root = root.absolute()
        self._limits = limits
        self._child: DecoderChild | None = None

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Of the child; None while there is none."""
        return self._child.process.pid if self._child else None

    def start(self) -> None:
        """Start the child now (about 0.3 s) and not with the first page.

        Raises:
            MaoOCRError: it does not start.
        """
        if self._child is not None and self._child.has_ended():
            self._stop()
        if self._child is None:
            self._child = DecoderChild.start(self._root, self._limits)

    def close(self) -> None:
        """End the child and wait until it is gone. Idempotent; a later call starts a new one."""
        self._stop()

    def probe(self, sha256: str, kind: Kind) -> Probe:
        """Read the header of a document.

        Raises:
            TooLarge: its only page is too large.
            PasswordProtected: it does not open without a password.
            UnreadableDocument: it is broken.
            PageTooComplex: reading it takes too long or too much memory, or crashes the decoder.
        """
        reply = self._ask(wire.ProbeRequest(sha256, kind.name), "Opening this document", None)
        if not isinstance(reply, wire.Probed):
            raise self._nonsense()
        if reply.last:
            self._stop()
        return Probe(reply.pages_total, reply.pixels or None)

    def page(
        self,
        sha256: str,
        kind: Kind,
        number: int,
        options: OcrOptions,
        checkpoint: Callable[[], None] | None = None,
    ) -> DecodedPage:
        """Decode one page, numbered from 1.

        Args:
            sha256: the document, which lies at `root/sha256`.
            kind: as sniffed.
            number: of the page.
            options: `words`, `pdf_text` and `dpi` matter.
            checkpoint: called about ten times a second while the child works; what it raises ends
                the work and is passed on.

        Raises:
            TooLarge: the page is too large as stored.
            PasswordProtected: the document does not open without a password.
            UnreadableDocument: it is broken.
            PageTooComplex: the page takes too long or too much memory, or crashes the decoder.
            InvalidRequest: there is no such page.
        """
        started = time.monotonic()
        request = wire.PageRequest(
            sha256, kind.name, number, options.words, options.pdf_text, options.dpi
        )
        reply = self._ask(request, "Decoding this page", checkpoint)
        if isinstance(reply, wire.Layer):
            image, layer, scale = None, reply.lines, 1.0
        elif isinstance(reply, wire.Picture):
            image, layer, scale = self._pixels(reply), None, reply.scale
        else:
            raise self._nonsense()
        if reply.last:
            self._stop()
        return DecodedPage(
            reply.page_width,
            reply.page_height,
            scale,
            image,
            layer,
            time.monotonic() - started,
        )

    def _ask(
        self, request: wire.Request, doing: str, checkpoint: Callable[[], None] | None
    ) -> wire.Reply:
        self.start()
        child = self._child
        assert child is not None
        try:
            reply = child.exchange(request, self._limits.decode_seconds, checkpoint)
        except wire.Closed:
            self._stop()
            raise PageTooComplex(
                f"{doing} ended its decoder: it takes more than {self._limits.memory_bytes} bytes"
                f" of memory ({DECODER_MEMORY}), or the file is made to do harm."
            ) from None
        except TimeoutError:
            self._stop()
            raise PageTooComplex(
                f"{doing} takes longer than {self._limits.decode_seconds:g} seconds"
                f" ({DECODE_SECONDS})."
            ) from None
        except BaseException:
            # The child is in the middle of something, or talks nonsense.
            self._stop()
            raise
        if isinstance(reply, wire.Failed):
            if reply.last:
                self._stop()
            raise reply.error()
        return reply

    def _pixels(self, reply: wire.Picture) -> PageImage:
        assert self._child is not None
        size = 3 * reply.width * reply.height
        sane = (
            0 < reply.scale <= 1
            and min(reply.width, reply.height, reply.page_width, reply.page_height) > 0
        )
        if not sane or size > len(self._child.memory):
            raise self._nonsense()
        pixels: PageImage = np.empty((reply.height, reply.width, 3), dtype=np.uint8)
        pixels.reshape(-1)[:] = np.frombuffer(self._child.memory, dtype=np.uint8, count=size)
        pixels.flags.writeable = False
        if size > _KEEP_BYTES:
            self._child.memory.madvise(mmap.MADV_REMOVE)
        return pixels

    def _nonsense(self) -> MaoOCRError:
        self._stop()
        return PageTooComplex("The decoder gave no sensible answer: the file is made to do harm.")

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.stop()
