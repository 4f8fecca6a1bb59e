"""The program of the child that decodes untrusted bytes. Started by `sandbox.Decoder`.

It holds nothing but a socket to its parent, memory that both share, and the documents it was asked
about last, so that a long one is not opened anew for each page. It ends with its parent, after an
idle parent closed the socket, and of its own accord when it has grown too large.
"""

import contextlib
import mmap
import os
import re
import select
import socket
import sys
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import MaoOCRError, PageTooComplex, UnreadableDocument
from . import wire
from .confinement import (
    confine,
    die_with_parent,
    keep_memory,
    open_files,
    private_bytes,
    trim,
)
from .images import ImageDocument, LoadedPage
from .kinds import Kind, kind_named
from .limits import DECODER_MEMORY, DecodeLimits
from .pdf import PdfDocument, PdfPage

__all__ = ["Start", "main"]

_OPEN_DOCUMENTS = 2
_IDLE_S = 10.0
_MAX_PRIVATE_BYTES = 96 * 1024 * 1024
_MAX_KEPT_BYTES = 16 * 1024 * 1024
"""More than this is not kept for the pages to come of a document that is open."""

_MAX_OPEN_FILES = 16
_STRIP_PIXELS = 1_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Start(msgspec.Struct, frozen=True):
    """What a child is told on its command line."""

    parent_pid: int
    socket_fd: int
    memory_fd: int
    root: str
    limits: DecodeLimits


class _Document(Protocol):
    def probe(self) -> tuple[int, int]: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class _Program:
    connection: socket.socket
    root: Path
    limits: DecodeLimits
    pixels: NDArray[np.uint8]
    documents: "OrderedDict[str, _Document]"
    held: int = field(default_factory=private_bytes)

    def run(self) -> None:
        """Answer until the parent is gone."""
        wire.send(self.connection, wire.encode(wire.Ready()))
        while True:
            if self.documents and not select.select([self.connection], [], [], _IDLE_S)[0]:
                self._forget()
            request = wire.decode_request(wire.receive(self.connection))
            reply = self._answer(request)
            last = self._has_grown()
            wire.send(self.connection, wire.encode(msgspec.structs.replace(reply, last=last)))
            if last:
                return

    def _has_grown(self) -> bool:
        """Whether a library leaks; what is merely kept is given up first.

        PDFium keeps each stream that it has come across while the document is open, and to open one
        of 200 pages again takes a millisecond.
        """
        keeps_much = bool(self.documents) and private_bytes() > self.held + _MAX_KEPT_BYTES
        if not keeps_much and not _is_too_large():
            return False
        self._forget()
        trim()
        self.held = private_bytes()
        return _is_too_large()

    def _answer(self, request: wire.Request) -> wire.Reply:
        try:
            document = self._open(request.sha256, kind_named(request.kind))
            try:
                if isinstance(request, wire.ProbeRequest):
                    pages, pixels = document.probe()
                    return wire.Probed(pages_total=pages, pixels=pixels)
                return self._page(document, request)
            finally:
                if request.sha256 not in self.documents:
                    document.close()
        except MemoryError:
            self._forget()
            error: MaoOCRError = PageTooComplex(
                f"Decoding this page takes more than {self.limits.memory_bytes} bytes of memory"
                f" ({DECODER_MEMORY})."
            )
        except MaoOCRError as raised:
            error = raised
        except Exception as unforeseen:
            error = UnreadableDocument(
                f"The document cannot be decoded ({type(unforeseen).__name__})."
            )
        return msgspec.convert(
            {"type": "failed", "code": error.code, "message": error.message}, wire.Failed
        )

    def _page(self, document: _Document, request: wire.PageRequest) -> wire.Reply:
        if isinstance(document, PdfDocument):
            page: PdfPage | LoadedPage = document.page(
                request.number,
                pdf_text=request.pdf_text,
                words=request.words,
                dpi=request.dpi,
                pixels=self.pixels,
            )
        else:
            assert isinstance(document, ImageDocument)
            page = document.page(request.number)
        if isinstance(page, PdfPage):
            if page.lines is not None:
                return wire.Layer(page_width=page.width, page_height=page.height, lines=page.lines)
            width, height, scale = page.width, page.height, 1.0
        else:
            width, height, scale = page.image.width, page.image.height, page.scale
            _write(page.image, self.pixels)
        return wire.Picture(
            page_width=page.width, page_height=page.height, width=width, height=height, scale=scale
        )

    def _open(self, sha256: str, kind: Kind) -> _Document:
        if not _SHA256.fullmatch(sha256):
            raise UnreadableDocument("There is no such document.")
        if sha256 in self.documents:
            self.documents.move_to_end(sha256)
            return self.documents[sha256]
        path = self.root / sha256
        document: _Document
        if kind.name == "pdf":
            document = PdfDocument(path, self.limits)
        else:
            document = ImageDocument(path, kind, self.limits)
        if kind.paged:
            self.documents[sha256] = document
            if len(self.documents) > _OPEN_DOCUMENTS:
                self.documents.popitem(last=False)[1].close()
        return document

    def _forget(self) -> None:
        while self.documents:
            self.documents.popitem()[1].close()


def _is_too_large() -> bool:
    # The pixels of a page are shared with the lane and do not count: they are given back with it.
    return private_bytes() > _MAX_PRIVATE_BYTES or open_files() > _MAX_OPEN_FILES


def _write(picture: Image.Image, pixels: NDArray[np.uint8]) -> None:
    """Put a grey or RGB picture into the shared memory as RGB rows.

    In strips, as an array of all of a large one would be one more copy of it in fresh memory.
    """
    width, height = picture.size
    target = pixels[: 3 * width * height].reshape(height, width, 3)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = target[top : top + rows]
        values = np.asarray(picture.crop((0, top, width, top + len(strip))))
        if values.ndim == 3:
            np.copyto(strip, values)
        else:
            # Three strided copies are several times faster than one that broadcasts.
            for band in range(3):
                strip[..., band] = values


def main() -> None:
    """Run the child; its only argument is a `Start` as JSON."""
    start = msgspec.json.decode(sys.argv[1], type=Start)
    die_with_parent(start.parent_pid)
    confine(start.limits.memory_bytes)
    keep_memory()
    shared = mmap.mmap(start.memory_fd, 0)
    os.close(start.memory_fd)
    connection = socket.socket(fileno=start.socket_fd)
    # What decoders print is written by whoever made the file.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)
    pixels = np.frombuffer(shared, dtype=np.uint8)
    with contextlib.suppress(wire.Closed):
        _Program(connection, Path(start.root), start.limits, pixels, OrderedDict()).run()
    # Not through the destructors of libraries that may have been fed anything.
    os._exit(0)
