"""A server that wants an API key: the page asks for it and keeps it for the tab."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import ROOT, Watch, opened, serving
from .hands import choose, file, read, row
from .painted import Painting

pytestmark = pytest.mark.browser

REFUSED = "status of 401"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def secret(folder: Path) -> str:
    command = [sys.executable, "-m", "maoocr.cli", "keys", "create", "page"]
    given = os.environ | {"MAOOCR_STATE_DIR": str(folder), "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=given, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def guarded(folder: Path, secret: str) -> Iterator[str]:
    with serving("painted", MAOOCR_STATE_DIR=str(folder)) as address:
        yield address


@pytest.fixture
def page(browser: Browser, guarded: str, watch: Watch) -> Iterator[Page]:
    watch.expect(REFUSED)
    with opened(browser, guarded, watch) as page:
        yield page


def test_a_key_is_asked_for_once_and_kept_for_the_tab(page: Page, secret: str) -> None:
    choose(page, file("a.png", Painting().png()), file("b.png", Painting().png()))
    dialog = page.get_by_role("dialog", name="API key")
    expect(dialog).to_contain_text("kept until this tab is closed")
    dialog.get_by_label("API key").fill(secret)
    dialog.get_by_role("button", name="Use this key").click()
    for name in ("a.png", "b.png"):
        expect(row(page, name)).to_have_attribute("data-state", "done")
    page.reload()
    page.locator("#options").wait_for()
    read(page, file("c.png", Painting().png()))
    expect(dialog).to_have_count(0)
    assert secret not in page.evaluate("JSON.stringify([localStorage, document.cookie])")


def test_a_wrong_key_is_asked_for_again_and_none_is_an_error(page: Page) -> None:
    choose(page, file("a.png", Painting().png()))
    dialog = page.get_by_role("dialog", name="API key")
    dialog.get_by_label("API key").fill("mao_nonsense")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("does not take this key")
    page.keyboard.press("Escape")
    expect(row(page, "a.png")).to_have_attribute("data-state", "failed")
    expect(page.locator("#result")).to_contain_text("unknown, revoked or expired")
