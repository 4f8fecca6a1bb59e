"""What a PDF page is made of, as far as it decides whether to trust the text layer."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from .pdf_resolution import POINTS_PER_INCH

__all__ = ["PageContent", "inspect"]

_GRID = 48
_MAX_OBJECTS = 20_000
_MAX_DEPTH = 4
_MAX_ANNOTATIONS = 1000
_SCAN_COVER = 0.8
_SCAN_PART = 0.02
_HIDDEN = 0x02 | 0x20
"""Annotation flags Hidden and NoView (ISO 32000-1, table 165)."""

_Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class PageContent:
    """What else there is on a page beside its text.

    Attributes:
        image_cover: share of the page that pictures cover, in 0..1.
        scan_dpi: resolution of the picture, where pictures cover all of the page.
        written_on: an annotation or a filled-in field shows text that the layer does not hold.
    """

    image_cover: float
    scan_dpi: float | None
    written_on: bool


def inspect(page: pdfium.PdfPage, form: pdfium.PdfFormEnv | None) -> PageContent:
    """Look through the objects of a page, in the page's own coordinates."""
    left, bottom, right, top = _bounds_of(page)
    width, height = max(right - left, 1e-3), max(top - bottom, 1e-3)
    covered = np.zeros((_GRID, _GRID), dtype=np.bool_)
    dpi = 0.0
    for (x0, y0, x1, y1), (columns, rows) in _pictures(page):
        first, last = ((x0 - left) / width, (x1 - left) / width)
        low, high = ((y0 - bottom) / height, (y1 - bottom) / height)
        part = max(0.0, min(last, 1) - max(first, 0)) * max(0.0, min(high, 1) - max(low, 0))
        covered[_cells(low, high), _cells(first, last)] = True
        if part > _SCAN_PART and x1 > x0 and y1 > y0:
            # A picture may lie on its side; its pixels are as dense either way.
            density = (columns * rows / ((x1 - x0) * (y1 - y0))) ** 0.5
            dpi = max(dpi, density * POINTS_PER_INCH)
    cover = float(covered.mean())
    scan_dpi = dpi if cover >= _SCAN_COVER and dpi else None
    return PageContent(cover, scan_dpi, _is_written_on(page, form))


def _cells(low: float, high: float) -> slice:
    """The cells of the grid whose middle lies between two fractions of a side."""
    first = round(min(max(low, 0.0), 1.0) * _GRID)
    last = round(min(max(high, 0.0), 1.0) * _GRID)
    return slice(first, max(first, last))


def _bounds_of(page: pdfium.PdfPage) -> tuple[float, float, float, float]:
    box = pdfium_c.FS_RECTF()
    if not pdfium_c.FPDF_GetPageBoundingBox(page, box):
        return 0.0, 0.0, page.get_width(), page.get_height()
    return (
        min(box.left, box.right),
        min(box.top, box.bottom),
        max(box.left, box.right),
        max(box.top, box.bottom),
    )


_Picture = tuple[tuple[float, float, float, float], tuple[int, int]]


def _pictures(page: pdfium.PdfPage) -> Iterator[_Picture]:
    """Bounds in the page's coordinates, and size in pixels, of each picture."""
    seen = 0
    stack = [(page, _IDENTITY, 0)]
    while stack:
        holder, matrix, depth = stack.pop()
        count, get = (
            (pdfium_c.FPDFPage_CountObjects, pdfium_c.FPDFPage_GetObject)
            if depth == 0
            else (pdfium_c.FPDFFormObj_CountObjects, pdfium_c.FPDFFormObj_GetObject)
        )
        for index in range(count(holder)):
            seen += 1
            if seen > _MAX_OBJECTS:
                return
            item = get(holder, index)
            kind = pdfium_c.FPDFPageObj_GetType(item)
            if kind == pdfium_c.FPDF_PAGEOBJ_IMAGE:
                picture = _picture(item, matrix)
                if picture:
                    yield picture
            elif kind == pdfium_c.FPDF_PAGEOBJ_FORM and depth < _MAX_DEPTH:
                stack.append((item, _joined(_matrix_of(item), matrix), depth + 1))


def _picture(item: object, matrix: _Matrix) -> _Picture | None:
    columns, rows = ctypes.c_uint(), ctypes.c_uint()
    if not pdfium_c.FPDFImageObj_GetImagePixelSize(item, columns, rows):
        return None
    # A picture is the unit square under its matrix (ISO 32000-1, 8.9.5.1).
    a, b, c, d, e, f = _joined(_matrix_of(item), matrix)
    xs, ys = (e, e + a, e + c, e + a + c), (f, f + b, f + d, f + b + d)
    return (min(xs), min(ys), max(xs), max(ys)), (columns.value, rows.value)


def _matrix_of(item: object) -> _Matrix:
    m = pdfium_c.FS_MATRIX()
    if not pdfium_c.FPDFPageObj_GetMatrix(item, m):
        return _IDENTITY
    return m.a, m.b, m.c, m.d, m.e, m.f


def _joined(inner: _Matrix, outer: _Matrix) -> _Matrix:
    a, b, c, d, e, f = inner
    p, q, r, s, t, u = outer
    return (
        a * p + b * r,
        a * q + b * s,
        c * p + d * r,
        c * q + d * s,
        e * p + f * r + t,
        e * q + f * s + u,
    )


def _is_written_on(page: pdfium.PdfPage, form: pdfium.PdfFormEnv | None) -> bool:
    count = min(pdfium_c.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)
    return any(_shows_text(page, form, index) for index in range(count))


def _shows_text(page: pdfium.PdfPage, form: pdfium.PdfFormEnv | None, index: int) -> bool:
    annotation = pdfium_c.FPDFPage_GetAnnot(page, index)
    if not annotation:
        return False
    try:
        if pdfium_c.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
            return False
        kind = pdfium_c.FPDFAnnot_GetSubtype(annotation)
        if kind in {pdfium_c.FPDF_ANNOT_FREETEXT, pdfium_c.FPDF_ANNOT_STAMP}:
            return True
        if kind != pdfium_c.FPDF_ANNOT_WIDGET or not form:
            return False
        field = pdfium_c.FPDFAnnot_GetFormFieldType(form, annotation)
        if field not in {
            pdfium_c.FPDF_FORMFIELD_TEXTFIELD,
            pdfium_c.FPDF_FORMFIELD_COMBOBOX,
            pdfium_c.FPDF_FORMFIELD_LISTBOX,
            pdfium_c.FPDF_FORMFIELD_SIGNATURE,
        }:
            return False
        # Two bytes are the terminator of an empty UTF-16 string.
        return bool(pdfium_c.FPDFAnnot_GetFormFieldValue(form, annotation, None, 0) > 2)
    finally:
        pdfium_c.FPDFPage_CloseAnnot(annotation)
