"""A way out of the gateway: there with `--outbound`, and not without.

An address of this machine, on a network of its own, stands for the world outside.
"""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from maoocr.client import verify_webhook
from tests.deploy.engine import Engine
from tests.deploy.front import until
from tests.deploy.pictures import RECEIPT, RECEIPT_SAYS, Picture, next_picture
from tests.deploy.stack import Stack
from tests.fakes.vlm_server import Say, VlmServer

MODEL = "far-away-vlm"
SIGNATURE = "X-MaoOCR-Signature"
JOB_S = 60.0


class Site:
    """A web server that has one picture and hears webhooks."""

    def __init__(self, host: str) -> None:
        self.fetched = 0
        self.heard: list[tuple[bytes, str]] = []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.fetched += 1
                self._answer(RECEIPT.read_bytes(), "image/jpeg")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                site.heard.append((body, self.headers[SIGNATURE]))
                self._answer(b"", "text/plain")

            def _answer(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer((host, 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://{host}:{self.port}"

    @contextmanager
    def serving(self) -> Iterator["Site"]:
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        yield self
        self.server.shutdown()
        thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def outside(engine: Engine, module_prefix: str) -> str:
    """An address that every container with a way out reaches, as it does those of the world."""
    network = f"{module_prefix}-world"
    engine("network", "create", network)
    return engine("network", "inspect", network, "-f", "{{(index .IPAM.Config 0).Gateway}}").strip()


@pytest.fixture(scope="module")
def site(outside: str) -> Iterator[Site]:
    with Site(outside).serving() as site:
        yield site


@pytest.fixture(scope="module")
def model(outside: str) -> Iterator[VlmServer]:
    with VlmServer(MODEL, host=outside) as server:
        yield server


@pytest.fixture(scope="module")
def told(stack: Stack, outside: str, site: Site, model: VlmServer) -> Iterator[Stack]:
    """The stack, whose gateways were told of the model, and that they may ask there."""
    env: Path = stack.folder / ".env"
    before, environment = env.read_text(), dict(stack.environment)
    env.write_text(
        f"{before}\nMAOOCR_OUTBOUND__ALLOW={outside}\n"
        f"MAOOCR_OUTBOUND__PORTS={site.port}\nMAOOCR_JOBS__POLL_SECONDS=0.5\n"
    )
    stack.environment |= {
        "MAOOCR_VLM__URL": model.url,
        "MAOOCR_VLM__MODEL": MODEL,
        "MAOOCR_VLM__FAMILY": "generic",
    }
    stack.scale(1)
    yield stack
    env.write_text(before)
    stack.environment = environment
    stack.start()


def ask_the_model(client: httpx.Client, model: VlmServer) -> tuple[Picture, dict[str, Any]]:
    picture = next_picture()
    model.default = Say(f"Order {picture.number}")
    answer = client.post(
        "/api/ocr/recognize",
        data={"engine": "vlm"},
        files={"image": ("order.png", picture.data, "image/png")},
    )
    assert answer.status_code == 200, answer.text
    return picture, answer.json()


def make_job(client: httpx.Client, site: Site) -> httpx.Response:
    files = {"files": ("order.png", next_picture().data, "image/png")}
    return client.post("/api/ocr/jobs", files=files, data={"webhook_url": f"{site.url}/told"})


def test_without_it_nothing_leaves(told: Stack, site: Site, model: VlmServer) -> None:
    told.start()
    with told.client() as client:
        picture, answer = ask_the_model(client, model)
        by_url = client.post("/api/ocr/recognize", json={"image_url": f"{site.url}/receipt.jpg"})
        job = make_job(client, site)

    assert picture.is_read_in(answer["text"])
    assert [page["engine"] for page in answer["pages"]] == ["ppocr"]
    assert by_url.status_code == 403
    assert "MAOOCR_OUTBOUND__IMAGE_URL" in by_url.text
    assert job.status_code == 403
    assert "webhook" in job.json()["error"]["message"]
    assert (model.asks, model.strays, site.fetched, site.heard) == ([], [], 0, [])


def test_with_it_the_gateway_reaches_what_it_was_told_of(
    told: Stack, site: Site, model: VlmServer
) -> None:
    with (told.folder / ".env").open("a") as env:
        env.write("MAOOCR_OUTBOUND__IMAGE_URL=true\n")
    told.start("--outbound")
    with told.client() as client:
        picture, answer = ask_the_model(client, model)
        assert [page["engine"] for page in answer["pages"]] == ["vlm"], answer
        assert picture.is_read_in(answer["text"])
        assert len(model.asks) == 1

        found = client.post("/api/ocr/recognize", json={"image_url": f"{site.url}/receipt.jpg"})
        assert found.status_code == 200, found.text
        assert RECEIPT_SAYS in found.json()["text"]
        assert site.fetched == 1

        closed = client.post("/api/ocr/recognize", json={"image_url": "http://redis:6379/"})
        assert closed.status_code == 403

        job = make_job(client, site)
        assert job.status_code == 202, job.text
        until(lambda: bool(site.heard), JOB_S)
    ((body, signature),) = site.heard
    assert json.loads(body)["job"]["id"] == job.json()["id"]
    assert verify_webhook(body, signature, (told.folder / "secrets/webhook_secret").read_text())


@pytest.mark.parametrize("service", ["postgres", "redis"])
def test_nobody_else_has_it(told: Stack, service: str) -> None:
    (container, *_) = told.containers(service)
    routes = told.inside(container, "cat", "/proc/net/route").stdout.splitlines()[1:]
    assert [line for line in routes if line.split()[1] == "00000000"] == []
