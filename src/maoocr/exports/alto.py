"""ALTO 4.4 (https://www.loc.gov/standards/alto/): what libraries and archives keep."""

from xml.etree import ElementTree as ET

from .. import __version__
from ..domain import OcrResult, PageResult, Polygon, TextLine, mean_score
from .characters import one_line
from .geometry import Box, around, baseline, box_of, paragraphs, words_of

__all__ = ["write_alto"]

_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA = "http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"
_FLAT_DEG = 45


def write_alto(result: OcrResult) -> bytes:
    """One `Page` per page, a `TextBlock` per paragraph, a `String` per word.

    A `Shape` stands only where the polygon is no upright rectangle: the position says the rest.
    A line whose words are not known is one `String` with blanks in it: no position is guessed.
    A failed page has no `PrintSpace` and says why in `QUALITY_DETAIL`.
    """
    alto = ET.Element(
        "alto",
        {
            "xmlns": _NAMESPACE,
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:schemaLocation": f"{_NAMESPACE} {_SCHEMA}",
            "SCHEMAVERSION": "4.4",
        },
    )
    description = ET.SubElement(alto, "Description")
    ET.SubElement(description, "MeasurementUnit").text = "pixel"
    processing = ET.SubElement(description, "Processing", {"ID": "processing_1"})
    ET.SubElement(processing, "processingCategory").text = "contentGeneration"
    software = ET.SubElement(processing, "processingSoftware")
    ET.SubElement(software, "softwareName").text = "MaoOCR"
    ET.SubElement(software, "softwareVersion").text = __version__
    engines = ", ".join(result.engines)
    if engines:
        ET.SubElement(software, "applicationDescription").text = one_line(engines)
    layout = ET.SubElement(alto, "Layout")
    for page in result.pages:
        _add_page(layout, page)
    ET.indent(alto)
    markup: bytes = ET.tostring(alto, encoding="UTF-8", xml_declaration=True)
    return markup + b"\n"


def _add_page(layout: ET.Element, page: PageResult) -> None:
    at = str(page.number)
    attributes = {"ID": f"page_{at}", "PHYSICAL_IMG_NR": at, "PROCESSINGREFS": "processing_1"}
    if page.error:
        attributes["QUALITY_DETAIL"] = one_line(f"{page.error.code}: {page.error.message}")
        ET.SubElement(layout, "Page", attributes)
        return
    attributes |= {"WIDTH": str(page.width), "HEIGHT": str(page.height)}
    if page.lines:
        attributes["PC"] = _fraction(mean_score(page.lines))
    element = ET.SubElement(layout, "Page", attributes)
    whole = Box(0, 0, page.width, page.height)
    space = ET.SubElement(element, "PrintSpace", {"ID": f"space_{at}", **_position(whole)})
    number = 0
    for index, group in enumerate(paragraphs(page.lines), start=1):
        box = around(box_of(line.polygon) for line in group)
        block = ET.SubElement(space, "TextBlock", {"ID": f"block_{at}_{index}", **_position(box)})
        for line in group:
            number += 1
            _add_line(block, line, f"{at}_{number}")


def _add_line(block: ET.Element, line: TextLine, at: str) -> None:
    attributes = {"ID": f"line_{at}", **_position(box_of(line.polygon))}
    if abs(baseline(line.polygon)[2]) <= _FLAT_DEG:
        attributes["BASELINE"] = _points((line.polygon[3], line.polygon[2]))
    element = ET.SubElement(block, "TextLine", attributes)
    _add_shape(element, line.polygon)
    words = words_of(line)
    if not words:
        _add_string(element, f"string_{at}_1", line.text, line.score, line.polygon)
    for number, (word, spaced) in enumerate(words, start=1):
        if spaced:
            ET.SubElement(element, "SP", {"ID": f"blank_{at}_{number}"})
        _add_string(element, f"string_{at}_{number}", word.text, word.score, word.polygon)


def _add_string(line: ET.Element, identity: str, text: str, score: float, polygon: Polygon) -> None:
    attributes = {"ID": identity, **_position(box_of(polygon))}
    attributes |= {"CONTENT": one_line(text), "WC": _fraction(score)}
    _add_shape(ET.SubElement(line, "String", attributes), polygon)


def _add_shape(element: ET.Element, polygon: Polygon) -> None:
    x0, y0, x1, y1 = box_of(polygon)
    if polygon == ((x0, y0), (x1, y0), (x1, y1), (x0, y1)):
        return
    shape = ET.SubElement(element, "Shape")
    ET.SubElement(shape, "Polygon", {"POINTS": _points(polygon)})


def _position(box: Box) -> dict[str, str]:
    return {
        "HPOS": f"{box.x0:.1f}",
        "VPOS": f"{box.y0:.1f}",
        "WIDTH": f"{box.width:.1f}",
        "HEIGHT": f"{box.height:.1f}",
    }


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _fraction(score: float) -> str:
    return f"{min(1.0, max(0.0, score)):.4f}"
