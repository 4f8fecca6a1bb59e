"""hOCR 1.2 (https://kba.github.io/hocr-spec/1.2/), as well-formed XHTML."""

import math
from xml.etree import ElementTree as ET

from .. import __version__
from ..domain import OcrResult, PageResult, TextLine
from .characters import one_line
from .geometry import Box, around, baseline, box_of, paragraphs, words_of

__all__ = ["write_hocr"]

_DOCTYPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"'
    ' "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
)
_STEEP_DEG = 45


def write_hocr(result: OcrResult) -> bytes:
    """One `ocr_page` per page, in it `ocr_par` and `ocr_line`, and `ocrx_word` where words are.

    Boxes are whole pixels that lie on the page. A line gives its baseline, or its `textangle` when
    it is steeper than 45 degrees. A failed page has its box and no text.
    """
    html = ET.Element("html", {"xmlns": "http://www.w3.org/1999/xhtml"})
    if result.language not in {"und", "mixed"}:
        html.set("lang", result.language)
        html.set("xml:lang", result.language)
    head = ET.SubElement(html, "head")
    ET.SubElement(head, "title").text = "OCR result"
    _meta(head, "ocr-system", f"maoocr {__version__}")
    _meta(head, "ocr-capabilities", "ocr_page ocr_par ocr_line ocrx_word")
    _meta(head, "ocr-number-of-pages", str(len(result.pages)))
    head.tail = "\n"
    body = ET.SubElement(html, "body")
    for page in result.pages:
        _add_page(body, page)
    markup: bytes = ET.tostring(html, encoding="utf-8", short_empty_elements=False)
    return _DOCTYPE.encode() + markup + b"\n"


def _meta(head: ET.Element, name: str, content: str) -> None:
    ET.SubElement(head, "meta", {"name": name, "content": content})


def _add_page(body: ET.Element, page: PageResult) -> None:
    title = f"bbox 0 0 {page.width} {page.height}; ppageno {page.number - 1}"
    at = f"{page.number}"
    div = ET.SubElement(body, "div", {"class": "ocr_page", "id": f"page_{at}", "title": title})
    number = 0
    for index, group in enumerate(paragraphs(page.lines), start=1):
        box = around(box_of(line.polygon) for line in group)
        title = _bbox(box, page)
        par = {"class": "ocr_par", "id": f"par_{at}_{index}", "title": title}
        paragraph = ET.SubElement(div, "p", par)
        for line in group:
            number += 1
            _add_line(paragraph, line, page, f"{at}_{number}")
            paragraph[-1].tail = "\n"
    div.tail = "\n"


def _add_line(paragraph: ET.Element, line: TextLine, page: PageResult, at: str) -> None:
    title = f"{_bbox(box_of(line.polygon), page)}; {_direction(line)}; {_confidence(line.score)}"
    span = ET.SubElement(
        paragraph, "span", {"class": "ocr_line", "id": f"line_{at}", "title": title}
    )
    words = words_of(line)
    if not words:
        span.text = one_line(line.text)
    for number, (word, spaced) in enumerate(words, start=1):
        if spaced:
            span[-1].tail = " "
        title = f"{_bbox(box_of(word.polygon), page)}; {_confidence(word.score)}"
        attributes = {"class": "ocrx_word", "id": f"word_{at}_{number}", "title": title}
        ET.SubElement(span, "span", attributes).text = one_line(word.text)


def _bbox(box: Box, page: PageResult) -> str:
    x0, x1 = (max(0, min(page.width, x)) for x in (math.floor(box.x0), math.ceil(box.x1)))
    y0, y1 = (max(0, min(page.height, y)) for y in (math.floor(box.y0), math.ceil(box.y1)))
    return f"bbox {x0} {y0} {x1} {y1}"


def _direction(line: TextLine) -> str:
    slope, offset_px, angle_deg = baseline(line.polygon)
    if abs(angle_deg) > _STEEP_DEG:
        return f"textangle {angle_deg:z.0f}"
    return f"baseline {slope:z.3f} {offset_px:z.0f}"


def _confidence(score: float) -> str:
    return f"x_wconf {round(100 * score)}"
