"""How files come in."""

import base64

import pytest
from playwright.sync_api import Page, expect

from .hands import choose, drop, file, lines, read, row
from .painted import Painting

pytestmark = pytest.mark.browser

PICTURE = Painting().png()


def test_a_chosen_file_is_read(page: Page) -> None:
    read(page, file("letter.png", PICTURE))
    expect(page.get_by_role("heading", name="letter.png")).to_be_visible()
    expect(lines(page)).to_have_count(3)


def test_a_dropped_file_is_read(page: Page) -> None:
    drop(page, file("dropped.png", PICTURE))
    expect(row(page, "dropped.png")).to_have_attribute("data-state", "done")


def test_a_pasted_picture_is_read(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async (data) => {
          const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
          const blob = new Blob([bytes], {type: "image/png"});
          await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
        }""",
        base64.b64encode(PICTURE).decode(),
    )
    page.keyboard.press("Control+v")
    expect(row(page, "Pasted picture 1.png")).to_have_attribute("data-state", "done")
    page.get_by_role("button", name="Paste", exact=True).click()
    expect(row(page, "Pasted picture 2.png")).to_have_attribute("data-state", "done")


def test_an_empty_clipboard_is_said_so(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('only text')")
    page.get_by_role("button", name="Paste", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("There is no picture in the clipboard.")


def test_text_can_still_be_pasted_into_a_field(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('2-3')")
    page.get_by_text("Options", exact=True).click()
    page.get_by_role("textbox", name="Pages").focus()
    page.keyboard.press("Control+v")
    expect(page.get_by_role("textbox", name="Pages")).to_have_value("2-3")
    expect(page.locator("#documents li")).to_have_count(0)


def test_the_camera_button_opens_the_camera(page: Page) -> None:
    shot = page.locator("#shot")
    expect(shot).to_have_attribute("capture", "environment")
    expect(shot).to_have_attribute("accept", "image/*")


def test_several_files_are_a_queue_with_a_state_each(page: Page) -> None:
    names = [f"page-{n}.png" for n in range(5)]
    choose(
        page,
        *(file(name, Painting(bars=((40, 40, 90 + n, 60),)).png()) for n, name in enumerate(names)),
    )
    for name in names:
        expect(row(page, name)).to_have_attribute("data-state", "done")
    row(page, "page-3.png").get_by_role("button", name="page-3.png").first.click()
    expect(page.get_by_role("heading", name="page-3.png")).to_be_visible()
    expect(lines(page)).to_have_count(1)


def test_removing_a_document_shows_another_and_keeps_the_focus_near(page: Page) -> None:
    choose(page, file("one.png", PICTURE), file("two.png", PICTURE))
    expect(row(page, "two.png")).to_have_attribute("data-state", "done")
    expect(row(page, "one.png")).to_have_attribute("data-state", "done")
    row(page, "one.png").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="two.png")).to_be_visible()
    expect(row(page, "two.png").locator(".open")).to_be_focused()
    page.get_by_role("button", name="Remove all").click()
    expect(page.get_by_role("heading", name="Turn pictures into text")).to_be_visible()
    expect(page.locator("#choose")).to_be_focused()
