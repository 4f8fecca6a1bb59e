"""What a person does at the page, and what he sees there."""

import base64
import io

import numpy as np
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from maoocr.engines.base import PageImage

from .painted import Box, find_bars

_MAKE_TRANSFER = """([name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, {type}));
  return transfer;
}"""


def file(name: str, data: bytes, kind: str = "image/png") -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": data}


def choose(page: Page, *files: FilePayload) -> None:
    """Through the button and the browser's own file chooser."""
    with page.expect_file_chooser() as chooser:
        page.locator("#choose").click()
    chooser.value.set_files(list(files))


def drop(page: Page, given: FilePayload) -> None:
    data = base64.b64encode(given["buffer"]).decode()
    transfer = page.evaluate_handle(_MAKE_TRANSFER, [given["name"], given["mimeType"], data])
    page.dispatch_event("body", "dragover", {"dataTransfer": transfer})
    expect(page.locator("#drop")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    expect(page.locator("#drop")).to_be_hidden()


def row(page: Page, name: str) -> Locator:
    return page.locator("#documents li").filter(has_text=name)


def read(page: Page, given: FilePayload) -> None:
    """Chooses a file and waits until it was read."""
    choose(page, given)
    expect(row(page, given["name"])).to_have_attribute("data-state", "done")


def lines(page: Page) -> Locator:
    """The lines of the page that is shown."""
    return page.locator("#result").get_by_role("option")


def drawn(page: Page) -> list[Box]:
    """The boxes of the lines' polygons, in CSS pixels of the sheet."""
    boxes: list[list[float]] = page.evaluate(
        """() => {
          const sheet = document.querySelector(".sheet").getBoundingClientRect();
          return [...document.querySelectorAll("polygon[data-line]")].map((polygon) => {
            const to = polygon.getScreenCTM();
            const at = [...polygon.points].map((p) => p.matrixTransform(to));
            const [xs, ys] = [at.map((p) => p.x - sheet.x), at.map((p) => p.y - sheet.y)];
            return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
          });
        }"""
    )
    return [(round(a), round(b), round(c), round(d)) for a, b, c, d in boxes]


def seen(page: Page) -> PageImage:
    """The picture on the sheet as the screen shows it, without the lines over it."""
    page.evaluate("document.querySelector('.sheet svg').style.visibility = 'hidden'")
    shot = page.locator(".sheet").screenshot()
    page.evaluate("document.querySelector('.sheet svg').style.visibility = ''")
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def bars(picture: PageImage) -> list[Box]:
    return [box for box, _ in find_bars(picture)]
