import math

import numpy as np
import pytest

from maoocr.domain import OcrOptions, Polygon
from maoocr.errors import InvalidRequest, TooLarge, UnreadableDocument
from tests.fakes.pdf_files import A4, Grey, Page, image, pdf, text, text_field
from tests.fakes.shelf import Shelf

pytestmark = pytest.mark.integration

LAYER = OcrOptions(pdf_text="layer")
PICTURE = OcrOptions(pdf_text="ocr")


def ink_inside(picture: np.ndarray, polygon: Polygon) -> tuple[float, float, float, float]:
    """Bounds of the dark pixels within and just around a polygon's bounds."""
    xs, ys = [p[0] for p in polygon], [p[1] for p in polygon]
    left, top = math.floor(min(xs)) - 4, math.floor(min(ys)) - 4
    part = picture[top : math.ceil(max(ys)) + 4, left : math.ceil(max(xs)) + 4, 0] < 128
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    return left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, (50, 100, 500, 800)])
def test_boxes_of_the_layer_lie_on_the_ink_of_the_rendered_page(
    shelf: Shelf, rotate: int, crop: tuple[float, float, float, float] | None
) -> None:
    content = text(100, 700, "Hamburg", 20) + text(300, 200, "Quick fox", 14)
    data = pdf(Page(content, rotate=rotate, crop=crop))
    layer, picture = shelf.read(data, options=LAYER), shelf.read(data, options=PICTURE)
    assert layer.layer is not None
    assert picture.image is not None
    assert (layer.width, layer.height) == (picture.width, picture.height)
    assert [line.text for line in layer.layer] == ["Hamburg", "Quick fox"]
    for line in layer.layer:
        left, top, right, bottom = ink_inside(picture.image, line.polygon)
        xs, ys = [p[0] for p in line.polygon], [p[1] for p in line.polygon]
        assert min(xs) == pytest.approx(left, abs=2)
        assert min(ys) == pytest.approx(top, abs=2)
        assert max(xs) == pytest.approx(right, abs=2)
        assert max(ys) == pytest.approx(bottom, abs=2)


def test_a_polygon_begins_at_the_top_left_of_the_text_whatever_its_direction(shelf: Shelf) -> None:
    page = shelf.read(pdf(Page(text(100, 300, "Sideways", 20), rotate=90)), options=LAYER)
    assert page.layer is not None
    (first, second, third, fourth) = page.layer[0].polygon
    # The page is shown turned clockwise, so its text runs down.
    assert first[0] == second[0] > third[0] == fourth[0]
    assert second[1] > first[1]
    assert third[1] > fourth[1]


def test_text_at_an_angle_gets_a_polygon_along_its_direction(shelf: Shelf) -> None:
    turn = math.radians(30)
    cos, sin = math.cos(turn), math.sin(turn)
    content = f"BT /F1 24 Tf {cos} {sin} {-sin} {cos} 200 400 Tm (Watermark) Tj ET".encode()
    page = shelf.read(pdf(Page(content)), options=LAYER)
    assert page.layer is not None
    (line,) = page.layer
    (x0, y0), (x1, y1) = line.polygon[:2]
    assert line.text == "Watermark"
    assert math.degrees(math.atan2(y1 - y0, x1 - x0)) == pytest.approx(-30, abs=1)


def test_words_of_a_layer_have_polygons_within_their_line(shelf: Shelf) -> None:
    data = pdf(Page(text(100, 700, "one two three")))
    page = shelf.read(data, options=OcrOptions(pdf_text="layer", words=True))
    assert page.layer is not None
    (line,) = page.layer
    assert line.words is not None
    assert [word.text for word in line.words] == ["one", "two", "three"]
    edges = [x for word in line.words for x in (word.polygon[0][0], word.polygon[1][0])]
    assert edges == sorted(edges)
    assert edges[0] == line.polygon[0][0]
    assert edges[-1] == line.polygon[1][0]


def test_columns_written_straight_across_are_read_one_after_the_other(shelf: Shelf) -> None:
    left = [f"left column line number {word}" for word in "abcdefgh"]
    right = [f"right column line number {word}" for word in "abcdefgh"]
    content = text(60, 800, "A title that spans both of the columns below it", 20)
    for row, pair in enumerate(zip(left, right, strict=True)):
        content += text(60, 750 - 16 * row, pair[0]) + text(320, 750 - 16 * row, pair[1])
    page = shelf.read(pdf(Page(content)))
    assert page.layer is not None
    assert [line.text for line in page.layer[1:]] == left + right


def test_a_table_is_read_row_by_row(shelf: Shelf) -> None:
    rows = [(f"Item {n}", f"{n}00.00", f"{n}50.00") for n in range(1, 9)]
    content = b"".join(
        text(60 + 180 * column, 750 - 20 * row, cell)
        for row, cells in enumerate(rows)
        for column, cell in enumerate(cells)
    )
    page = shelf.read(pdf(Page(content)))
    assert page.layer is not None
    assert [line.text for line in page.layer] == [cell for cells in rows for cell in cells]


GROUND = Grey(100, 141, bytes([200]) * 14_100)
BODY = b"".join(
    text(60, 780 - 16 * n, f"Line {n} of a letter that says something") for n in range(9)
)


def test_a_born_digital_page_answers_from_its_layer(shelf: Shelf) -> None:
    page = shelf.read(pdf(Page(BODY)))
    assert page.image is None
    assert page.layer is not None
    assert page.layer[0].text == "Line 0 of a letter that says something"
    assert page.layer[0].engine == "pdf-text-layer"


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(Page(b""), id="nothing on it"),
        pytest.param(Page(BODY.replace(b"0 Tr", b"3 Tr")), id="hidden text"),
        pytest.param(Page(image("Im0", 0, 0, *A4) + BODY, images=[GROUND]), id="picture below all"),
        pytest.param(
            Page(image("Im0", 60, 60, 400, 500) + BODY, images=[GROUND]), id="large picture"
        ),
        pytest.param(
            Page(image("Im0", 60, 60, 200, 200) + text(60, 800, "Page 7"), images=[GROUND]),
            id="picture with little more than a number",
        ),
        pytest.param(
            Page(b"q 0 1 -1 0 590 0 cm " + BODY + b"Q", size=A4), id="text that runs sideways"
        ),
    ],
)
def test_a_page_whose_layer_is_not_all_that_is_seen_is_rendered(shelf: Shelf, page: Page) -> None:
    decoded = shelf.read(pdf(page))
    assert decoded.layer is None
    assert decoded.image is not None


def test_a_small_picture_beside_much_text_does_not_cost_the_layer(shelf: Shelf) -> None:
    logo = Page(image("Im0", 400, 60, 100, 100) + BODY, images=[GROUND])
    assert shelf.read(pdf(logo)).layer is not None


def test_a_font_without_a_way_back_to_characters_is_rendered(shelf: Shelf) -> None:
    assert shelf.read(pdf(Page(BODY), symbolic=True)).image is not None


def test_a_filled_in_form_is_rendered_with_its_values(shelf: Shelf) -> None:
    field = text_field("Ada Lovelace", (100, 300, 400, 330))
    decoded = shelf.read(pdf(Page(BODY, annotations=[field]), form_fields=True))
    assert decoded.image is not None
    empty = text_field("", (100, 300, 400, 330))
    assert shelf.read(pdf(Page(BODY, annotations=[empty]), form_fields=True)).layer is not None


def test_asking_for_the_layer_of_a_page_without_one_gives_an_empty_page(shelf: Shelf) -> None:
    assert shelf.read(pdf(Page(b"")), options=LAYER).layer == ()


def test_asking_for_the_layer_takes_hidden_text_too(shelf: Shelf) -> None:
    page = shelf.read(pdf(Page(text(60, 700, "from an earlier reading", mode=3))), options=LAYER)
    assert page.layer is not None
    assert [line.text for line in page.layer] == ["from an earlier reading"]


def test_text_outside_the_page_is_left_out(shelf: Shelf) -> None:
    page = shelf.read(pdf(Page(text(60, 700, "seen") + text(-400, 700, "unseen"))))
    assert page.layer is not None
    assert [line.text for line in page.layer] == ["seen"]


def test_a_scan_is_rendered_at_its_own_resolution(shelf: Shelf) -> None:
    scan = Grey(1240, 1754, bytes([250]) * (1240 * 1754))
    page = shelf.read(pdf(Page(image("Im0", 0, 0, *A4), images=[scan])))
    assert abs(page.width - 1240) <= 2
    assert abs(page.height - 1754) <= 2


def test_a_resolution_asked_for_is_taken_within_the_limit_of_pixels(shelf: Shelf) -> None:
    data = pdf(Page(b"", size=(720, 720)))
    assert shelf.read(data, options=OcrOptions(dpi=100)).width == 1000
    most = shelf.read(data, options=OcrOptions(dpi=600))
    assert most.width == most.height == 5000


def test_the_pages_of_a_document_come_in_any_order(shelf: Shelf) -> None:
    data = pdf(*(Page(text(60, 700, f"Page number {n}")) for n in range(1, 301)))
    assert shelf.pages(data) == 300
    for number in (300, 1, 150):
        page = shelf.read(data, number)
        assert page.layer is not None
        assert page.layer[0].text == f"Page number {number}"


def test_a_page_that_is_not_there_is_refused(shelf: Shelf) -> None:
    with pytest.raises(InvalidRequest, match="has 1 page"):
        shelf.read(pdf(Page(BODY)), 2)


def test_a_page_larger_than_the_format_allows_is_refused_before_it_is_drawn(shelf: Shelf) -> None:
    with pytest.raises(TooLarge, match="14400"):
        shelf.pages(pdf(Page(BODY, size=(14_400_000, 14_400_000))))


def test_a_file_without_pages_is_refused(shelf: Shelf) -> None:
    with pytest.raises(UnreadableDocument):
        shelf.pages(pdf())
