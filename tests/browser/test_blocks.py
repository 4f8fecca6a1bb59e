"""The structure of a page: shown by DOM calls, taken away as Markdown."""

import json

import pytest
from playwright.sync_api import Page, Route, expect

from .hands import file, read
from .painted import Painting
from .serve import HOSTILE_TEXT

pytestmark = pytest.mark.browser

CELL = HOSTILE_TEXT.replace("<", "&lt;")
BLOCKS = [
    {"kind": "title", "text": "A *day*", "lines": []},
    {"kind": "list", "text": "first", "lines": [], "level": 1},
    {
        "kind": "table",
        "text": "",
        "lines": [],
        "html": f"<table><tr><td>a</td><td>{CELL}</td></tr></table>",
    },
    {
        "kind": "table",
        "text": "",
        "lines": [],
        "html": f'<table onclick="x()"><tr><td colspan="2">{HOSTILE_TEXT}wide</td></tr></table>',
    },
    {"kind": "page_number", "text": "7", "lines": []},
]


def with_blocks(route: Route) -> None:
    """The server's answer, with these blocks on its page."""
    response = route.fetch()
    answer = response.json()
    answer["pages"][0]["blocks"] = BLOCKS
    route.fulfill(response=response, body=json.dumps(answer))


def test_structure_is_asked_for_and_shown_without_its_markup(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.route("**/api/ocr/recognize", with_blocks)
    read(page, file("scan.png", Painting().png()))
    page.get_by_role("button", name="Structure", exact=True).click()
    shown = page.locator(".blocks")
    expect(shown.get_by_role("heading", name="A *day*")).to_be_visible()
    expect(shown.locator("table")).to_have_count(2)
    expect(shown.locator("td").nth(1)).to_have_text(HOSTILE_TEXT)
    expect(shown.locator("td").nth(2)).to_have_attribute("colspan", "2")
    expect(shown.locator("img, script, [onclick]")).to_have_count(0)
    expect(page).to_have_title("MaoOCR")
    page.get_by_role("button", name="Copy as Markdown").click()
    expect(page.locator("#live")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("# A \\*day\\*\n\n- first\n\n| a | \\<img")
    assert '<td colspan="2">' in copied
    assert "7" not in copied.splitlines()


def test_the_switch_asks_the_server_for_structure(page: Page) -> None:
    page.get_by_text("Options", exact=True).click()
    page.get_by_role("checkbox", name="Structure").check()
    read(page, file("scan.png", Painting().png()))
    page.get_by_role("button", name="Structure", exact=True).click()
    expect(page.locator(".blocks")).to_contain_text("The first line")


def test_without_structure_there_is_nothing_to_choose(page: Page) -> None:
    read(page, file("scan.png", Painting().png()))
    expect(page.get_by_role("button", name="Structure", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Copy as Markdown")).to_be_hidden()
