"""PDF files -> upright pages or their own text, with PDFium.

Nothing in a document is ever run or followed: this build has no JavaScript, and no action is
triggered. PDFium ends its process when it runs out of memory, so this only belongs into one that
may end.
"""

import contextlib
import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray

from ..domain import PdfText, TextLine
from ..errors import InvalidRequest, PasswordProtected, TooLarge, UnreadableDocument
from .limits import DecodeLimits
from .pdf_content import inspect
from .pdf_layer import TextLayer
from .pdf_lines import read_lines
from .pdf_resolution import page_pixels

__all__ = ["PdfDocument", "PdfPage"]

_LOCKED = frozenset({pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY})


@dataclass(frozen=True, slots=True)
class PdfPage:
    """One page: rendered into the buffer that was given, or its text.

    Attributes:
        width: in pixels at the resolution chosen, also where nothing was rendered.
        height: likewise.
        lines: the text layer, in that frame; None where the page was rendered.
    """

    width: int
    height: int
    lines: tuple[TextLine, ...] | None


class PdfDocument:
    """An open PDF file."""

    def __init__(self, path: Path, limits: DecodeLimits) -> None:
        """Open the file.

        Raises:
            PasswordProtected: it does not open without a password.
            UnreadableDocument: it is broken or has no page.
        """
        self._limits = limits
        self._document = pdfium.PdfDocument(_load(path))
        # Must come before the first page is loaded, or filled-in fields are not drawn.
        with contextlib.suppress(pdfium.PdfiumError):
            self._document.init_forms()

    def probe(self) -> tuple[int, int]:
        """The number of pages, and the pixels of the first; 0 where it is broken.

        Raises:
            TooLarge: the only page is larger than the format allows.
            UnreadableDocument: the only page is broken.
        """
        pages = len(self._document)
        if not pages:
            return 0, 0
        try:
            width, height = page_pixels(*self._document.get_page_size(0), limits=self._limits)
        except (pdfium.PdfiumError, TooLarge) as error:
            if pages > 1:
                return pages, 0
            if isinstance(error, TooLarge):
                raise
            raise UnreadableDocument("The only page of the PDF is broken.") from error
        return pages, width * height

    def page(
        self,
        number: int,
        *,
        pdf_text: PdfText,
        words: bool,
        dpi: int | None,
        pixels: NDArray[np.uint8],
    ) -> PdfPage:
        """Read or render one page, numbered from 1.

        Args:
            number: of the page.
            pdf_text: see `OcrOptions`.
            words: also split the lines of a text layer into words.
            dpi: resolution to render at, within the limit of pixels; None chooses one.
            pixels: flat, C-contiguous, at least `3 * max_image_pixels` long; where the page is
                rendered, RGB rows without padding are written to its start.

        Raises:
            InvalidRequest: there is no such page.
            UnreadableDocument: the page is broken.
            TooLarge: the page is larger than the format allows.
        """
        count = len(self._document)
        if not 1 <= number <= count:
            raise InvalidRequest(
                f"pages: {number} is asked for, but the document has {count} page(s)."
            )
        try:
            page = self._document[number - 1]
        except pdfium.PdfiumError as error:
            raise UnreadableDocument(f"Page {number} of the PDF is broken.") from error
        try:
            return self._read(page, pdf_text, words, dpi, pixels)
        finally:
            page.close()

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._document.close()

    def _read(
        self,
        page: pdfium.PdfPage,
        pdf_text: PdfText,
        words: bool,
        dpi: int | None,
        pixels: NDArray[np.uint8],
    ) -> PdfPage:
        width_pt, height_pt = page.get_size()
        content = inspect(page, self._document.formenv)
        width, height = page_pixels(
            width_pt, height_pt, limits=self._limits, scan_dpi=content.scan_dpi, asked_dpi=dpi
        )
        if pdf_text != "ocr":
            layer = TextLayer.load(page, width, height)
            if pdf_text == "layer" or layer.answers_for(content):
                visible_only = pdf_text == "auto"
                return PdfPage(width, height, read_lines(layer, words, visible_only=visible_only))
        _render(page, self._document.formenv, width, height, pixels)
        return PdfPage(width, height, None)


def _load(path: Path) -> pdfium_c.FPDF_DOCUMENT:
    """Open a file that has a page; pypdfium2's own way leaves one without any open for ever."""
    raw = pdfium_c.FPDF_LoadDocument(bytes(path) + b"\0", None)
    if not raw:
        if pdfium_c.FPDF_GetLastError() in _LOCKED:
            raise PasswordProtected(
                "The PDF is protected by a password. Remove it and send the file again."
            )
        raise UnreadableDocument("The PDF is broken or ends early.")
    if pdfium_c.FPDF_GetPageCount(raw) < 1:
        pdfium_c.FPDF_CloseDocument(raw)
        raise UnreadableDocument("The PDF has no page.")
    return raw


def _render(
    page: pdfium.PdfPage,
    form: pdfium.PdfFormEnv | None,
    width: int,
    height: int,
    pixels: NDArray[np.uint8],
) -> None:
    """Draw the page straight into the buffer: no copy of it is ever made."""
    size = 3 * width * height
    buffer = (ctypes.c_ubyte * size).from_buffer(pixels[:size].data)
    bitmap = pdfium_c.FPDFBitmap_CreateEx(width, height, pdfium_c.FPDFBitmap_BGR, buffer, 3 * width)
    if not bitmap:
        raise UnreadableDocument("The page cannot be drawn.")
    try:
        pdfium_c.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xFFFFFFFF)
        flags = pdfium_c.FPDF_ANNOT | pdfium_c.FPDF_REVERSE_BYTE_ORDER
        area = (0, 0, width, height, 0, flags)
        pdfium_c.FPDF_RenderPageBitmap(bitmap, page, *area)
        if form:
            pdfium_c.FPDF_FFLDraw(form, bitmap, page, *area)
    finally:
        pdfium_c.FPDFBitmap_Destroy(bitmap)
