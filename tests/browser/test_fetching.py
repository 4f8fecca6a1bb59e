"""A server that fetches documents by their address: the page offers it there, and only there."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_socket import enable_socket, socket_allow_hosts

from .conftest import Watch, opened, serving
from .hands import lines, row
from .painted import Painting

pytestmark = pytest.mark.browser

PICTURE = Painting().png()


class Afar(http.server.BaseHTTPRequestHandler):
    """Has one picture."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/scan.png" else 404)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(PICTURE)))
        self.end_headers()
        self.wfile.write(PICTURE)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def afar() -> Iterator[int]:
    """The port at which the picture is."""
    enable_socket()
    socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Afar)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fetching(browser: Browser, afar: int, watch: Watch) -> Iterator[Page]:
    given = {
        "MAOOCR_OUTBOUND__IMAGE_URL": "true",
        "MAOOCR_OUTBOUND__ALLOW": "127.0.0.1",
        "MAOOCR_OUTBOUND__PORTS": str(afar),
    }
    with serving("painted", **given) as address, opened(browser, address, watch) as page:
        yield page


def test_what_lies_at_an_address_is_read(fetching: Page, afar: int) -> None:
    fetching.get_by_label("Address of a picture").fill(f"http://127.0.0.1:{afar}/scan.png")
    fetching.get_by_role("button", name="Read from there").click()
    expect(row(fetching, "scan.png")).to_have_attribute("data-state", "done")
    expect(lines(fetching)).to_have_count(3)
    expect(fetching.get_by_label("Address of a picture")).to_have_value("")


def test_where_nothing_is_fetched_no_address_is_asked_for(page: Page) -> None:
    expect(page.get_by_text("Options", exact=True)).to_be_visible()
    expect(page.get_by_label("Address of a picture")).to_be_hidden()
