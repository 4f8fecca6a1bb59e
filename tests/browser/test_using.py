"""Keys, options, languages, small screens, no network."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import Watch, opened
from .hands import choose, file, lines, read, row
from .painted import Painting
from .serve import TEXTS

pytestmark = pytest.mark.browser

SMALLEST_TARGET_PX = 40


def test_everything_can_be_done_with_the_keyboard(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    # Playwright begins to catch choosers at the first listener, and does not wait until it does.
    page.on("filechooser", lambda _: None)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    while page.evaluate("document.activeElement.id") != "choose":
        page.keyboard.press("Tab")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(file("scan.png", Painting().png()))
    expect(row(page, "scan.png")).to_have_attribute("data-state", "done")
    while page.evaluate("document.activeElement.getAttribute('role')") != "listbox":
        page.keyboard.press("Tab")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    texts = lines(page)
    expect(texts.nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("listbox")).to_have_attribute("aria-activedescendant", "line-1")
    expect(page.locator("polygon").nth(1)).to_contain_class("picked")
    page.keyboard.press("Enter")
    expect(page.locator("#live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == TEXTS[1]
    page.keyboard.press("End")
    expect(texts.nth(2)).to_have_attribute("aria-selected", "true")


def test_the_download_menu_closes_on_escape(page: Page) -> None:
    read(page, file("scan.png", Painting().png()))
    page.locator("summary", has_text="Download").press("Enter")
    choice = page.get_by_role("button", name="Markdown")
    expect(choice).to_be_visible()
    choice.press("Escape")
    expect(choice).to_be_hidden()
    expect(page.locator("summary", has_text="Download")).to_be_focused()


def test_progress_and_outcome_are_announced(page: Page) -> None:
    read(page, file("scan.png", Painting().png()))
    expect(page.get_by_role("status")).to_have_text("scan.png: done, 3 lines.")


def test_every_control_has_a_name(page: Page) -> None:
    page.get_by_text("Options", exact=True).click()
    read(page, file("scan.png", Painting().png()))
    lines(page).first.click()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, textarea, .track")]
          .filter((node) => node.checkVisibility())
          .filter((node) => !(node.ariaLabel || node.textContent.trim() || node.labels?.length))
          .map((node) => node.outerHTML)"""
    )
    assert nameless == []


def test_the_options_that_the_server_names_are_sent_when_they_differ(page: Page) -> None:
    page.evaluate(
        """() => {
          window.sent = [];
          const send = XMLHttpRequest.prototype.send;
          XMLHttpRequest.prototype.send = function (body) {
            window.sent.push([...body.entries()].map(([k, v]) => [k, v.name ?? v]));
            return send.call(this, body);
          };
        }"""
    )
    read(page, file("plain.png", Painting().png()))
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Language", exact=True).select_option("zh")
    page.get_by_label("Words", exact=True).check()
    page.get_by_role("button", name="Read again with these options").click()
    expect(row(page, "plain.png")).to_have_attribute("data-state", "done")
    expect(page.get_by_role("button", name="Read again with these options")).to_be_hidden()
    lines(page).first.click()
    expect(page.locator("polygon.word")).to_have_count(1)
    assert page.evaluate("window.sent") == [
        [["image", "plain.png"]],
        [["language", "zh"], ["words", "true"], ["image", "plain.png"]],
    ]


def test_a_second_reading_is_told_to_come_from_the_cache(page: Page) -> None:
    same = Painting(bars=((33, 44, 200, 60),)).png()
    choose(page, file("one.png", same))
    expect(row(page, "one.png")).to_have_attribute("data-state", "done")
    read(page, file("two.png", same))
    expect(page.locator("#result .about")).to_contain_text("from the cache")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (390, "light")])
def test_a_phone_shows_everything_in_one_column(
    browser: Browser, server: str, watch: Watch, tmp_path: Path, width: int, scheme: str
) -> None:
    phone = {
        "viewport": {"width": width, "height": 780},
        "color_scheme": scheme,
        "is_mobile": True,
        "has_touch": True,
        "device_scale_factor": 2,
    }
    with opened(browser, server, watch, **phone) as page:
        expect(page.get_by_role("button", name="Take a photo")).to_be_visible()
        name = "a photograph with quite a long name that nobody would ever type.png"
        read(page, file(name, Painting().png()))
        page.locator("polygon").nth(1).tap()
        expect(page.locator(".line-bar")).to_contain_text(TEXTS[1])
        page.screenshot(path=tmp_path / "phone.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for button in page.get_by_role("button").all():
            box = button.bounding_box()
            if box is not None:
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= width
                assert box["height"] >= SMALLEST_TARGET_PX


def test_the_page_speaks_chinese_to_who_reads_chinese(
    browser: Browser, server: str, watch: Watch
) -> None:
    with opened(browser, server, watch, locale="zh-CN") as page:
        expect(page.get_by_role("heading", name="把图片变成文字")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        read_in_chinese = file("扫描.png", Painting().png())
        choose(page, read_in_chinese)
        expect(page.get_by_role("button", name="复制文字")).to_be_visible()
        page.locator("#options summary").click()
        expect(page.get_by_label("语言", exact=True)).to_be_visible()


def test_dark_and_light_are_different_and_both_legible(
    browser: Browser, server: str, watch: Watch
) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        with opened(browser, server, watch, color_scheme=scheme) as page:
            ground, ink = page.evaluate(
                """() => {
                  const style = getComputedStyle(document.body);
                  const light = (colour) => {
                    const [r, g, b] = colour.match(/\\d+/g).map((v) => (v / 255) ** 2.2);
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                  };
                  return [light(style.backgroundColor), light(style.color)];
                }"""
            )
            brighter, darker = max(ground, ink), min(ground, ink)
            assert (brighter + 0.05) / (darker + 0.05) > 7
            grounds.append(ground)
    assert grounds[0] > 0.8
    assert grounds[1] < 0.05


def test_the_page_opens_without_a_network_once_it_was_open(
    browser: Browser, server: str, watch: Watch
) -> None:
    watch.expect("ERR_INTERNET_DISCONNECTED")
    context = browser.new_context(locale="en-US", service_workers="allow")
    page = context.new_page()
    watch.follow(page)
    page.goto(server)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    context.set_offline(True)
    page.reload()
    expect(page.get_by_role("heading", name="Turn pictures into text")).to_be_visible()
    page.set_input_files("#files", file("scan.png", Painting().png()))
    expect(page.locator(".pending")).to_contain_text("The server could not be reached.")
    context.close()


def test_the_page_can_be_installed(page: Page) -> None:
    manifest = page.evaluate(
        "fetch(document.querySelector('link[rel=manifest]').href).then((r) => r.json())"
    )
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        kind = page.evaluate(
            "(src) => fetch(new URL(src, location.origin + '/static/')).then("
            "(r) => r.ok && r.headers.get('content-type'))",
            icon["src"],
        )
        assert str(kind).startswith(icon["type"])
