"""The lines lie where the text is seen."""

import io

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from .conftest import Watch, opened
from .hands import bars, drawn, file, lines, read, seen
from .painted import Box, Painting, encoded, find_mark, pages

pytestmark = pytest.mark.browser

EXIF_ORIENTATION = 0x0112
TOLERANCE_PX = 2


def assert_same(drawn: list[Box], painted: list[Box]) -> None:
    assert len(drawn) == len(painted) > 0
    for ours, theirs in zip(drawn, painted, strict=True):
        assert ours == pytest.approx(theirs, abs=TOLERANCE_PX)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_lines_lie_over_their_text_however_the_page_was_turned(page: Page, turned: int) -> None:
    read(page, file("scan.png", Painting(turned=turned).png()))
    picture = seen(page)
    assert find_mark(picture) == 0
    assert_same(drawn(page), bars(picture))


@pytest.mark.parametrize("orientation", [3, 6])
def test_lines_lie_over_their_text_in_photos_with_exif_orientation(
    page: Page, orientation: int
) -> None:
    back = {3: 180, 6: 270}[orientation]
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    stored = Painting(turned=back).image()
    read(page, file("photo.jpg", encoded(stored, "JPEG", quality=95, exif=exif), "image/jpeg"))
    picture = seen(page)
    assert find_mark(picture) == 0
    assert_same(drawn(page), bars(picture))


def test_lines_follow_the_picture_when_it_is_enlarged(page: Page) -> None:
    read(page, file("scan.png", Painting().png()))
    before = drawn(page)
    page.get_by_role("button", name="Larger").click()
    assert drawn(page) == [pytest.approx([round(1.5 * v) for v in box], abs=2) for box in before]
    page.get_by_role("button", name="Fit").click()
    assert drawn(page) == before


def test_a_long_strip_is_shown_wide_enough_to_read(page: Page) -> None:
    strip = Painting(size=(208, 1618), bars=((30, 200, 180, 220), (30, 300, 180, 320)))
    read(page, file("strip.png", strip.png()))
    sheet, stage = (page.locator(name).bounding_box() for name in (".sheet", ".stage"))
    assert sheet is not None
    assert stage is not None
    assert sheet["width"] > 0.5 * stage["width"]
    assert_same(drawn(page), bars(seen(page)))


def test_a_kind_that_the_browser_cannot_show_is_drawn_on_white_paper(page: Page) -> None:
    painting = Painting(size=(600, 800))
    read(page, file("fax.tif", encoded(painting.image(), "TIFF"), "image/tiff"))
    box = page.locator(".sheet").bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(600 / 800, rel=0.01)
    scale = box["width"] / 600
    assert_same(drawn(page), [tuple(round(v * scale) for v in b) for b in painting.bars])  # type: ignore[misc]
    expect(page.locator(".sheet text").first).to_have_text("The first line")


def test_each_page_of_a_document_has_its_tab(page: Page) -> None:
    one_bar = Painting(bars=((60, 60, 420, 84),))
    paged = pages("TIFF", [Painting(), one_bar, Painting(size=(400, 600), bars=())])
    read(page, file("three.tiff", paged, "image/tiff"))
    tabs = page.get_by_role("tab")
    expect(tabs).to_have_count(3)
    expect(lines(page)).to_have_count(3)
    tabs.nth(1).click()
    expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")
    expect(lines(page)).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(tabs.nth(2)).to_be_focused()
    expect(page.get_by_text("No text was found on this page.")).to_be_visible()


def test_a_pdf_is_read_page_by_page(page: Page) -> None:
    read(page, file("scan.pdf", pages("PDF", [Painting(), Painting()]), "application/pdf"))
    expect(page.get_by_role("tab")).to_have_count(2)
    expect(lines(page)).to_have_count(3)


def test_pointing_at_a_line_marks_its_text_and_the_other_way_round(page: Page) -> None:
    read(page, file("scan.png", Painting().png()))
    polygons, texts = page.locator("polygon"), lines(page)
    polygons.nth(1).hover()
    expect(texts.nth(1)).to_contain_class("pointed")
    texts.nth(0).hover()
    expect(polygons.nth(0)).to_contain_class("pointed")
    polygons.nth(1).click()
    expect(texts.nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.locator(".line-bar")).to_contain_text("第二行文字")


def test_lines_that_are_hard_to_read_are_marked_in_words_and_in_the_picture(page: Page) -> None:
    read(page, file("faint.png", Painting(hard=frozenset({1})).png()))
    expect(lines(page).nth(1)).to_contain_text("55 %")
    expect(page.locator("polygon.unsure")).to_have_count(1)
    expect(page.locator("polygon").nth(1)).to_contain_class("unsure")


def test_a_picture_is_in_sight_before_it_is_read(
    browser: Browser, server: str, watch: Watch
) -> None:
    with opened(browser, server, watch) as page:
        page.route("**/api/ocr/recognize", lambda route: None)
        page.locator("#files").set_input_files(file("scan.png", Painting().png()))
        expect(page.locator(".sheet img")).to_be_visible()
        assert len(bars(seen(page))) == 3
        assert Image.open(io.BytesIO(page.locator(".sheet").screenshot())).width > 300
