"""What is seen while a file is on its way, and when it does not arrive."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from .conftest import Watch, opened, serving
from .hands import choose, file, lines, read, row
from .painted import HELD_PAPER, Painting, encoded, pages

pytestmark = pytest.mark.browser

HELD = Painting(paper=HELD_PAPER).png()


@pytest.fixture(scope="module")
def narrow() -> Iterator[str]:
    """A server with room for one document."""
    with serving("painted", MAOOCR_POOL__MAX_DOCUMENTS="1") as address:
        yield address


def test_reading_tells_how_long_it_goes_on_already(page: Page) -> None:
    choose(page, file("held.png", HELD))
    pending = page.locator(".pending")
    expect(pending).to_contain_text("Reading, 1 s so far")
    bar = pending.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuetext", re.compile("Reading, 2 s so far"))
    assert 50 < int(bar.get_attribute("aria-valuenow") or 0) < 100


def test_the_first_pages_are_shown_while_the_rest_is_read(page: Page) -> None:
    both = pages("TIFF", [Painting(), Painting(paper=HELD_PAPER)])
    choose(page, file("long.tif", both, "image/tiff"))
    expect(lines(page)).to_have_count(3)
    expect(page.locator(".strip")).to_contain_text("Reading, 1 of 2 pages")
    page.locator(".strip").get_by_role("button", name="Cancel").click()
    expect(row(page, "long.tif")).to_have_attribute("data-state", "cancelled")
    expect(lines(page)).to_have_count(3)
    expect(page.locator(".strip").get_by_role("button", name="Try again")).to_be_visible()


def test_the_upload_is_counted(page: Page) -> None:
    seen: list[str] = []
    page.expose_function("heard", lambda words: seen.append(words))
    page.evaluate(
        """() => {
          const look = () => {
            const state = document.querySelector("#documents .phrase");
            if (state) heard(state.textContent);
          };
          new MutationObserver(look).observe(document.body, {subtree: true, childList: true});
        }"""
    )
    chrome = page.context.new_cdp_session(page)
    chrome.send("Network.enable")
    speed = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
    chrome.send("Network.emulateNetworkConditions", speed)
    read(page, file("big.bmp", encoded(Painting().image(), "BMP"), "image/bmp"))
    percents = [int(m[1]) for text in seen if (m := re.match(r"Uploading (\d+) %", text))]
    assert percents == sorted(percents)
    assert [p for p in percents if 0 < p < 100], seen


def test_cancelling_frees_the_server_for_the_next(
    browser: Browser, narrow: str, watch: Watch
) -> None:
    with opened(browser, narrow, watch) as page:
        choose(page, file("held.png", HELD))
        expect(row(page, "held.png")).to_have_attribute("data-state", "reading")
        page.locator(".pending").get_by_role("button", name="Cancel").click()
        expect(row(page, "held.png")).to_have_attribute("data-state", "cancelled")
        watch.expect("429")
        read(page, file("next.png", Painting().png()))


def test_a_busy_server_is_asked_again_after_the_time_that_it_named(
    browser: Browser, narrow: str, watch: Watch
) -> None:
    watch.expect("429")
    with opened(browser, narrow, watch) as page:
        choose(page, file("held.png", HELD))
        expect(row(page, "held.png")).to_have_attribute("data-state", "reading")
        choose(page, file("patient.png", Painting(bars=((10, 40, 77, 60),)).png()))
        expect(row(page, "patient.png")).to_have_attribute("data-state", "busy")
        expect(row(page, "patient.png")).to_contain_text("The server is busy. Trying again in")
        row(page, "held.png").get_by_role("button", name="Cancel").click()
        expect(row(page, "patient.png")).to_have_attribute("data-state", "done", timeout=60_000)


def test_a_server_that_stays_busy_is_given_up(page: Page, watch: Watch) -> None:
    watch.expect("429")
    tries: list[str] = []
    sentence = "There is no room now."

    def refuse(route: Route) -> None:
        tries.append(route.request.url)
        error = {"code": "overloaded", "message": sentence, "retryable": True, "request_id": "r-9"}
        route.fulfill(status=429, headers={"Retry-After": "0"}, json={"error": error})

    page.route("**/api/ocr/recognize", refuse)
    choose(page, file("patient.png", Painting().png()))
    expect(row(page, "patient.png")).to_have_attribute("data-state", "failed")
    expect(page.locator(".pending")).to_contain_text(sentence)
    expect(page.locator(".pending")).to_contain_text("Request r-9")
    assert len(tries) == 5
    page.unroute("**/api/ocr/recognize")
    page.locator(".pending").get_by_role("button", name="Try again").click()
    expect(row(page, "patient.png")).to_have_attribute("data-state", "done")


def test_an_error_is_shown_as_its_sentence(page: Page, watch: Watch) -> None:
    watch.expect("4(15|22)")
    whole = Painting().png()
    with page.expect_response("**/api/ocr/recognize") as answer:
        choose(page, file("cut.png", whole[: len(whole) // 2]))
    error = answer.value.json()["error"]
    assert error["message"].endswith(".")
    expect(page.locator(".pending")).to_contain_text(error["message"])
    expect(page.locator("#live")).to_contain_text(error["message"])
    expect(row(page, "cut.png")).to_contain_text("Failed")


def test_an_answer_from_a_proxy_that_is_no_json_is_said_in_a_sentence(
    page: Page, watch: Watch
) -> None:
    watch.expect("502")
    page.route("**/api/ocr/recognize", lambda r: r.fulfill(status=502, body="<h1>Bad</h1>"))
    choose(page, file("scan.png", Painting().png()))
    expect(page.locator(".pending")).to_contain_text(
        "The server answered with status 502 and no explanation."
    )


def test_a_lost_connection_is_said_and_can_be_tried_again(page: Page, watch: Watch) -> None:
    watch.expect("ERR_INTERNET_DISCONNECTED")
    page.context.set_offline(True)
    choose(page, file("scan.png", Painting().png()))
    expect(page.locator(".pending")).to_contain_text("The server could not be reached.")
    page.context.set_offline(False)
    row(page, "scan.png").get_by_role("button", name="Try again").click()
    expect(row(page, "scan.png")).to_have_attribute("data-state", "done")
