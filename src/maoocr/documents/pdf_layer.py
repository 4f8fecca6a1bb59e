"""The characters of a PDF page with their places, and whether they can be believed."""

import ctypes
import math
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from .pdf_content import PageContent

__all__ = ["Glyph", "TextLayer"]

_MAX_BAD = 0.05
_MAX_INVISIBLE = 0.1
_MAX_IMAGE_COVER = 0.25
_SOME_IMAGE_COVER = 0.02
_CHARACTERS_PER_COVER = 2000
"""A page with pictures is one of text only if it has so many characters for each share of them."""
_MIN_GLYPH_PX = 2.0
_UPRIGHT_RAD = math.radians(20)
_BREAKS = frozenset({0x0A, 0x0D})
_HYPHENS = frozenset({0x02, 0xFFFE})
"""What PDFium gives for a hyphen at the end of a line."""
_SYMBOLS = {
    0xF06C: "●",
    0xF06E: "■",
    0xF06F: "□",
    0xF071: "❑",
    0xF0A7: "▪",
    0xF0A8: "□",
    0xF0B7: "•",
    0xF0D8: "➢",
    0xF0FC: "✓",
    0xF0FE: "☑",
    0xF02A: "□",
    0xF052: "☑",
    0xF0A3: "□",
}
"""Bullets and boxes that word processors write with the symbol fonts Wingdings and Symbol."""
_INVISIBLE_MODES = frozenset(
    {pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium_c.FPDF_TEXTRENDERMODE_CLIP}
)


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character in pixels of the page as it is shown.

    Attributes:
        text: one character; a space may stand for a gap and then has no extent.
        box: of the ink, as left, top, right, bottom.
        origin: on the baseline.
        angle: direction of its line, in radians, clockwise as seen (y down), in -pi..pi.
        size: of the font.
        visible: not in render mode 3 (the mode of hidden OCR layers), not fully transparent.
        broken: the document does not say which character this is.
    """

    text: str
    box: tuple[float, float, float, float]
    origin: tuple[float, float]
    angle: float
    size: float
    visible: bool
    broken: bool


@dataclass(frozen=True, slots=True)
class TextLayer:
    """The glyphs of a page in the document's order; None marks the end of a line."""

    glyphs: tuple[Glyph | None, ...]

    @classmethod
    def load(cls, page: pdfium.PdfPage, width: int, height: int) -> "TextLayer":
        """Read the text of a page that is `width` x `height` pixels where it is shown."""
        textpage = page.get_textpage()
        try:
            return cls(tuple(_Reader(page, textpage, width, height).glyphs()))
        finally:
            textpage.close()

    def answers_for(self, content: PageContent) -> bool:
        """Whether this text is all that a person sees on the page.

        Not so for a scan with a hidden OCR layer, a page with pictures that may hold text, fonts
        without a way back to characters, and text that runs sideways (an engine turns the page).
        """
        ink = [g for g in self.glyphs if g is not None and not g.text.isspace()]
        if not ink or content.written_on or content.image_cover > _MAX_IMAGE_COVER:
            return False
        little = len(ink) < _CHARACTERS_PER_COVER * content.image_cover
        if content.image_cover > _SOME_IMAGE_COVER and little:
            return False
        total = len(ink)
        return (
            sum(g.broken for g in ink) <= _MAX_BAD * total
            and sum(not g.visible for g in ink) <= _MAX_INVISIBLE * total
            and sum(abs(g.angle) <= _UPRIGHT_RAD for g in ink) >= 0.5 * total
        )


class _Reader:
    """One pass over the characters of a page."""

    def __init__(
        self, page: pdfium.PdfPage, textpage: pdfium.PdfTextPage, width: int, height: int
    ) -> None:
        self._text = textpage
        self._width, self._height = width, height
        self._to_pixels = _page_to_pixels(page, width, height)
        self._visible: dict[int, bool] = {}

    def glyphs(self) -> list[Glyph | None]:
        found: list[Glyph | None] = []
        for index in range(pdfium_c.FPDFText_CountChars(self._text)):
            code = pdfium_c.FPDFText_GetUnicode(self._text, index)
            if code in _BREAKS:
                if found and found[-1] is not None:
                    found.append(None)
                continue
            glyph = self._glyph(index, code)
            if glyph is not None:
                found.append(glyph)
        return found

    def _glyph(self, index: int, code: int) -> Glyph | None:
        text = "-" if code in _HYPHENS else _character(code)
        if text.isspace() or not text:
            return _space(self._text, index) if text else None
        box = self._box(index)
        if box is None:
            return None
        origin = self._origin(index)
        matrix = pdfium_c.FS_MATRIX()
        if not pdfium_c.FPDFText_GetMatrix(self._text, index, matrix):
            matrix.a, matrix.b, matrix.c, matrix.d = 1.0, 0.0, 0.0, 1.0
        a, b, c, d, _, _ = self._to_pixels
        along = (matrix.a * a + matrix.b * c, matrix.a * b + matrix.b * d)
        rise = math.hypot(matrix.c * a + matrix.d * c, matrix.c * b + matrix.d * d)
        size = pdfium_c.FPDFText_GetFontSize(self._text, index) * rise
        size = max(size, 0.3 * (box[3] - box[1]))
        if size < _MIN_GLYPH_PX:
            return None
        angle = math.atan2(along[1], along[0])
        broken = (
            code not in _HYPHENS and pdfium_c.FPDFText_HasUnicodeMapError(self._text, index) == 1
        )
        return Glyph(
            text, box, origin, angle, size, self._is_visible(index), broken or _is_bad(code)
        )

    def _box(self, index: int) -> tuple[float, float, float, float] | None:
        """The ink of a character in pixels; None where it lies outside the page."""
        left, right = ctypes.c_double(), ctypes.c_double()
        bottom, top = ctypes.c_double(), ctypes.c_double()
        if not pdfium_c.FPDFText_GetCharBox(self._text, index, left, right, bottom, top):
            return None
        x0, y0 = self._pixel(left.value, bottom.value)
        x1, y1 = self._pixel(right.value, top.value)
        box = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
        if not all(map(math.isfinite, box)):
            return None
        middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        inside = 0 <= middle[0] <= self._width and 0 <= middle[1] <= self._height
        return box if inside else None

    def _origin(self, index: int) -> tuple[float, float]:
        x, y = ctypes.c_double(), ctypes.c_double()
        pdfium_c.FPDFText_GetCharOrigin(self._text, index, x, y)
        return self._pixel(x.value, y.value)

    def _pixel(self, x: float, y: float) -> tuple[float, float]:
        a, b, c, d, e, f = self._to_pixels
        return a * x + c * y + e, b * x + d * y + f

    def _is_visible(self, index: int) -> bool:
        item = pdfium_c.FPDFText_GetTextObject(self._text, index)
        if not item:
            return True
        address = ctypes.addressof(item.contents)
        known = self._visible.get(address)
        if known is None:
            known = self._visible[address] = _shows(item)
        return known


def _shows(item: object) -> bool:
    if pdfium_c.FPDFTextObj_GetTextRenderMode(item) in _INVISIBLE_MODES:
        return False
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    known = pdfium_c.FPDFPageObj_GetFillColor(item, red, green, blue, alpha)
    return not known or alpha.value > 0


def _space(textpage: pdfium.PdfTextPage, index: int) -> Glyph:
    return Glyph(" ", (0.0, 0.0, 0.0, 0.0), (0.0, 0.0), 0.0, 0.0, True, False)


def _character(code: int) -> str:
    if code == 0 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        return "\ufffd"
    text = _SYMBOLS.get(code) or chr(code)
    if 0xE000 <= ord(text) <= 0xF8FF or ord(text) >= 0xF0000:
        return "\ufffd"
    if text in "\u200b\u200c\u200d\u2060\ufeff\u00ad":
        return ""
    return " " if text.isspace() else text


def _is_bad(code: int) -> bool:
    """Private use, unassigned by nature, or a control character."""
    if code in _SYMBOLS:
        return False
    return (
        code in {0, 0xFFFD}
        or 0xD800 <= code <= 0xF8FF
        or code >= 0xF0000
        or (code < 0x20 and code not in _HYPHENS)
        or 0x7F <= code < 0xA0
    )


def _page_to_pixels(
    page: pdfium.PdfPage, width: int, height: int
) -> tuple[float, float, float, float, float, float]:
    """The matrix from the page's own coordinates to pixels, with /Rotate and the crop box."""
    box = pdfium_c.FS_RECTF()
    if pdfium_c.FPDF_GetPageBoundingBox(page, box):
        left, right = min(box.left, box.right), max(box.left, box.right)
        bottom, top = min(box.bottom, box.top), max(box.bottom, box.top)
    else:
        left, bottom, right, top = 0.0, 0.0, page.get_width(), page.get_height()
    wide, high = max(right - left, 1e-6), max(top - bottom, 1e-6)
    turn = page.get_rotation() % 360
    if turn in {90, 270}:
        sx, sy = width / high, height / wide
    else:
        sx, sy = width / wide, height / high
    if turn == 90:
        return 0.0, sy, sx, 0.0, -bottom * sx, -left * sy
    if turn == 180:
        return -sx, 0.0, 0.0, sy, right * sx, -bottom * sy
    if turn == 270:
        return 0.0, -sy, -sx, 0.0, top * sx, right * sy
    return sx, 0.0, 0.0, -sy, -left * sx, top * sy
