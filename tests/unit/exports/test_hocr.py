from xml.etree import ElementTree as ET

from maoocr.domain import OcrResult
from maoocr.exports import formats
from tests.unit.exports.samples import SAMPLE, line, page_of, result_of

X = "{http://www.w3.org/1999/xhtml}"


def of_class(result: OcrResult, name: str) -> list[ET.Element]:
    root = ET.fromstring(formats["hocr"].write(result))
    return [element for element in root.iter() if element.get("class") == name]


def test_the_text_of_the_lines_is_that_of_the_page() -> None:
    found = ["".join(element.itertext()) for element in of_class(SAMPLE, "ocr_line")]
    assert found == [line.text for page in SAMPLE.pages for line in page.lines]


def test_a_steep_line_gives_its_angle_and_no_baseline() -> None:
    upwards = line("up", ((10, 100), (10, 20), (30, 20), (30, 100)))
    [element] = of_class(result_of(page_of(upwards)), "ocr_line")
    assert element.get("title") == "bbox 10 20 30 100; textangle 90; x_wconf 90"


def test_boxes_lie_on_the_page() -> None:
    beyond = line("edge", ((-5.5, -1), (900, -1), (900, 800), (-5.5, 800)))
    [element] = of_class(result_of(page_of(beyond)), "ocr_line")
    assert (element.get("title") or "").startswith("bbox 0 0 400 300;")


def test_an_element_without_text_is_not_closed_in_itself() -> None:
    assert b"/>" not in formats["hocr"].write(result_of(page_of()))
