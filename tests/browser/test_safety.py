"""File names and recognised text are a stranger's."""

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import Watch, opened
from .hands import choose, file, lines, read, row
from .painted import Painting, pages
from .serve import HOSTILE_TEXT

pytestmark = pytest.mark.browser

HOSTILE_NAME = "<img src=x onerror=\"document.title='owned'\">.png"
GERMS = "#result script, #result img[src='x'], #documents img, #documents script"


def assert_unharmed(page: Page) -> None:
    expect(page).to_have_title("MaoOCR")
    expect(page.locator(GERMS)).to_have_count(0)


def test_a_hostile_file_name_is_only_a_name(page: Page) -> None:
    read(page, file(HOSTILE_NAME, Painting().png()))
    expect(page.locator("#name")).to_have_text(HOSTILE_NAME)
    expect(row(page, HOSTILE_NAME).locator(".name")).to_have_text(HOSTILE_NAME)
    assert_unharmed(page)


def test_a_hostile_file_name_is_only_a_name_when_it_fails(page: Page, watch: Watch) -> None:
    watch.expect("4(15|22)")
    choose(page, file(HOSTILE_NAME, b"no picture at all"))
    expect(row(page, HOSTILE_NAME)).to_have_attribute("data-state", "failed")
    expect(page.locator("#live")).to_contain_text(HOSTILE_NAME)
    assert_unharmed(page)


def test_hostile_recognised_text_is_only_text(page: Page) -> None:
    read(page, file("scan.png", Painting().png()))
    expect(lines(page).nth(2)).to_have_text(HOSTILE_TEXT)
    lines(page).nth(2).click()
    expect(page.locator(".line-bar span")).to_have_text(HOSTILE_TEXT)
    assert_unharmed(page)


def test_hostile_recognised_text_is_only_text_on_white_paper(page: Page) -> None:
    read(page, file("scan.tif", pages("TIFF", [Painting()]), "image/tiff"))
    expect(page.locator(".sheet text").nth(2)).to_have_text(HOSTILE_TEXT)
    assert_unharmed(page)


def test_the_policy_forbids_everything_that_is_not_the_page_s_own(
    browser: Browser, server: str, watch: Watch
) -> None:
    watch.expect("Content Security Policy")
    with opened(browser, server, watch) as page:
        answer = page.goto(server)
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        page.evaluate(
            """() => {
              const script = document.createElement("script");
              script.textContent = "document.title = 'owned'";
              document.body.append(script);
            }"""
        )
        expect(page).to_have_title("MaoOCR")
        assert any("Content Security Policy" in text for text in watch.complaints)


def test_the_page_asks_nobody_but_its_own_server(
    browser: Browser, server: str, watch: Watch
) -> None:
    with opened(browser, server, watch) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        read(page, file("scan.png", Painting().png()))
        assert asked
        assert [url for url in asked if not url.startswith((server, f"blob:{server}"))] == []
