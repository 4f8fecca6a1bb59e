"""The whole way with the engine that people use."""

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, expect

from .conftest import Watch, opened, serving
from .hands import drawn, file, lines, read, seen
from .painted import encoded

pytestmark = pytest.mark.browser

TEXTS = ("Invoice 20417", "Thank you for your order", "Total 1284.50")
MARGIN_PX = 14


@pytest.fixture(scope="module")
def reading() -> Iterator[str]:
    with serving("ppocr") as address:
        yield address


@pytest.mark.parametrize("turned", [0, 90])
def test_typeset_lines_are_read_and_drawn_where_they_stand(
    browser: Browser, reading: str, watch: Watch, turned: int
) -> None:
    picture = Image.new("RGB", (900, 600), "white")
    pen = ImageDraw.Draw(picture)
    for index, text in enumerate(TEXTS):
        pen.text((80, 70 + 200 * index), text, "black", ImageFont.load_default(56))
    given = encoded(picture.rotate(-turned, expand=True), "PNG")
    with opened(browser, reading, watch) as page:
        read(page, file("order.png", given))
        expect(lines(page)).to_have_text(list(TEXTS))
        page.locator("polygon").first.click()
        expect(page.locator(".line-bar span")).to_have_text(TEXTS[0])
        dark = seen(page).max(axis=2) < 128
        bands = np.array_split(np.arange(dark.shape[0]), len(TEXTS))
        for box, band in zip(drawn(page), bands, strict=True):
            ys, xs = np.nonzero(dark[band])
            ink = (xs.min(), ys.min() + band[0], xs.max(), ys.max() + band[0])
            assert box == pytest.approx(ink, abs=MARGIN_PX)
