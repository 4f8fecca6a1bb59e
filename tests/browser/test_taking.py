"""What can be taken away: copies and files."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .hands import file, lines, read
from .painted import Painting
from .serve import TEXTS

pytestmark = pytest.mark.browser


@pytest.fixture
def result(page: Page) -> Page:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    read(page, file("scan.png", Painting().png()))
    return page


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_copying_takes_the_whole_text(result: Page) -> None:
    result.get_by_role("button", name="Copy text").click()
    expect(result.get_by_role("button", name="Copied")).to_be_visible()
    assert clipboard(result) == "\n".join(TEXTS)


def test_copying_works_where_there_is_no_clipboard_api(result: Page) -> None:
    result.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    result.get_by_role("button", name="Copy text").click()
    expect(result.get_by_role("button", name="Copied")).to_be_visible()
    box = result.locator("#options input[name=pages]")
    result.get_by_text("Options", exact=True).click()
    box.focus()
    result.keyboard.press("Control+v")
    expect(box).to_have_value(" ".join(TEXTS))


def test_one_line_can_be_copied(result: Page) -> None:
    lines(result).nth(1).click()
    result.get_by_role("button", name="Copy line").click()
    expect(result.get_by_role("button", name="Copied")).to_be_visible()
    assert clipboard(result) == TEXTS[1]


def test_the_text_stands_in_a_box_to_select_from(result: Page) -> None:
    result.get_by_role("button", name="Text", exact=True).click()
    expect(result.get_by_label("All text")).to_have_value("\n".join(TEXTS))
    expect(result.get_by_role("listbox")).to_be_hidden()


def download(page: Page, title: str) -> tuple[str, str]:
    page.locator("summary", has_text="Download").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=title, exact=True).click()
    name = waiting.value.suggested_filename
    return name, Path(waiting.value.path()).read_text(encoding="utf-8")


def test_the_text_can_be_downloaded(result: Page) -> None:
    assert download(result, "Plain text") == ("scan.txt", "\n".join(TEXTS))


def test_the_whole_answer_can_be_downloaded(result: Page) -> None:
    name, text = download(result, "JSON")
    assert name == "scan.json"
    assert [line["text"] for line in json.loads(text)["pages"][0]["lines"]] == list(TEXTS)


@pytest.mark.parametrize(
    ("title", "ending", "mark"),
    [("Markdown", "md", "The first line"), ("hOCR", "html", "ocr_line"), ("ALTO", "xml", "<alto")],
)
def test_other_forms_are_written_by_the_server(
    result: Page, title: str, ending: str, mark: str
) -> None:
    name, text = download(result, title)
    assert name == f"scan.{ending}"
    assert mark in text
