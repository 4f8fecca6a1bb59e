"""A real browser in front of the real application; only the engine is, mostly, a painted one.

The application and the browser are processes of their own, so this process opens no sockets.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).parents[2]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def serving(engine: str, **environment: str) -> Iterator[str]:
    """The address of the application with this engine, on a port of its own."""
    command = [sys.executable, "-m", "tests.browser.serve", engine]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MAOOCR_")}
    given = {
        **kept,
        "MAOOCR_POOL__LANES": "1",
        "MAOOCR_LOG__LEVEL": "error",
        **environment,
        "PYTHONPATH": paths,
    }
    with subprocess.Popen(command, cwd=ROOT, env=given, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip().decode()
            assert port, "The application did not start; its standard error says why."
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with serving("painted") as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        pytest.skip("There is no Chromium on this machine: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


class Watch:
    """Everything that the browser complains about; at the end of a test there may be nothing."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._expected = ["Service Worker registration blocked by Playwright"]

    def expect(self, pattern: str) -> None:
        """Allows complaints that match, such as the one about an answer with status 422."""
        self._expected.append(pattern)

    def follow(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def unexpected(self) -> list[str]:
        return [
            text
            for text in self.complaints
            if not any(re.search(pattern, text) for pattern in self._expected)
        ]


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    yield watch
    assert watch.unexpected() == []


@contextmanager
def opened(browser: Browser, address: str, watch: Watch, **options: object) -> Iterator[Page]:
    """A new browser window at the page, with nothing kept from others."""
    given = {"locale": "en-US", "viewport": {"width": 1280, "height": 800}, **options}
    context: BrowserContext = browser.new_context(service_workers="block", **given)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    page = context.new_page()
    watch.follow(page)
    page.goto(address)
    page.locator("#options").wait_for()
    yield page
    context.close()


@pytest.fixture
def page(browser: Browser, server: str, watch: Watch) -> Iterator[Page]:
    with opened(browser, server, watch) as page:
        yield page
