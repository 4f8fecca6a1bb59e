"""`./docker-start.sh`, and what the public gets through Nginx over TLS."""

import io
import json
import shlex
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from websockets.sync.client import ClientConnection, connect

from tests.deploy.pictures import RECEIPT, RECEIPT_SAYS, Picture, next_picture
from tests.deploy.stack import Stack

MOST_START_S = 90.0
JOB_S = 60.0
PAGES = 40
BODY_AFTER_S = 0.2
"""A body that comes so long after its head is on its way when the gateway has made up its mind."""


def test_all_is_healthy_in_time(stack: Stack, patience: float) -> None:
    assert stack.started_in_s < MOST_START_S * patience
    assert stack.unwell() == []
    running = {container.service for container in stack.containers()}
    assert {"gateway", "redis", "postgres", "nginx", "prometheus", "alertmanager"} <= running


def test_the_printed_line_reads_the_sample(stack: Stack) -> None:
    (line,) = [line for line in stack.said.splitlines() if line.strip().startswith("curl ")]
    done = stack.run(*shlex.split(line))
    assert done.returncode == 0, done.stderr
    assert RECEIPT_SAYS in json.loads(done.stdout)["text"]


def test_a_second_start_changes_nothing(stack: Stack) -> None:
    before = {container.id for container in stack.containers()}
    said = stack.start()
    assert stack.key not in said, "A key is shown once."
    assert {container.id for container in stack.containers()} == before


# What the public does


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with stack.client() as client:
        yield client


def read(client: httpx.Client, picture: Picture, path: str = "recognize") -> dict[str, Any]:
    files = {"image": ("order.png", picture.data, "image/png")}
    response = client.post(f"/api/ocr/{path}", files=files)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert picture.is_read_in(body["text"]), body["text"]
    return body


def test_an_answer_is_found_in_the_history(client: httpx.Client) -> None:
    picture = next_picture()
    answer = read(client, picture)
    kept = client.get(f"/api/ocr/history/{answer['history_id']}").json()
    assert kept["text"] == answer["text"]
    found = client.get("/api/ocr/history", params={"q": str(picture.number)}).json()
    assert [item["id"] for item in found["items"]] == [answer["history_id"]]


def test_an_answer_is_shared_by_way_of_redis(client: httpx.Client) -> None:
    picture = next_picture()
    assert read(client, picture)["cached"] is False
    assert read(client, picture)["cached"] is True


@pytest.mark.parametrize("path", ["/tokenize", "/v1/chat/completions", "/api/ocr/recognize"])
def test_who_is_refused_keeps_his_connection(stack: Stack, path: str) -> None:
    """Nginx throws away what follows on a connection while it still reads a body there."""
    line = HTTPSConnection("localhost", stack.https_port, context=stack.trust(), timeout=60)
    with closing(line):
        line.connect()
        line.auto_open = 0
        line.putrequest("POST", path)
        line.putheader("Content-Type", "application/json")
        line.putheader("Content-Length", "2")
        line.endheaders()
        threading.Event().wait(BODY_AFTER_S)
        line.send(b"{}")
        refusal = line.getresponse()
        assert refusal.status in {401, 404}
        assert json.load(refusal)["error"]["code"]
        line.request("GET", "/livez")
        assert line.getresponse().status == 200


def test_a_pdf_is_read_by_its_pictures(client: httpx.Client) -> None:
    pdf = io.BytesIO()
    Image.open(RECEIPT).save(pdf, "PDF")
    files = {"image": ("receipt.pdf", pdf.getvalue(), "application/pdf")}
    answer = client.post("/api/ocr/recognize", files=files).json()
    assert answer["pages_done"] == 1
    assert RECEIPT_SAYS in answer["text"]


def test_a_job_is_followed_to_its_end_by_events(client: httpx.Client) -> None:
    wanted = [next_picture() for _ in range(3)]
    files = [("files", (f"{p.number}.png", p.data, "image/png")) for p in wanted]
    made = client.post("/api/ocr/jobs", files=files)
    assert made.status_code == 202, made.text
    job = made.json()["id"]

    seen: list[str] = []
    with client.stream("GET", f"/api/ocr/jobs/{job}/events", timeout=JOB_S) as events:
        assert events.headers["Content-Type"].startswith("text/event-stream")
        seen += [line.removeprefix("event: ") for line in events.iter_lines() if "event: " in line]
    assert seen.count("page") == len(wanted)
    assert seen[-1] == "end"

    results = client.get(f"/api/ocr/jobs/{job}/results").text.splitlines()
    texts = {line["file"]: line["text"] for line in map(json.loads, results)}
    assert all(picture.is_read_in(texts[f"{picture.number}.png"]) for picture in wanted)


def websocket(stack: Stack, path: str) -> ClientConnection:
    return connect(
        f"wss://localhost:{stack.https_port}{path}",
        ssl=stack.trust(),
        additional_headers={"Authorization": f"Bearer {stack.key}"},
        open_timeout=30,
    )


def test_frames_are_read_over_a_websocket(stack: Stack) -> None:
    with websocket(stack, "/ws/ocr") as line:
        for picture in (next_picture(), next_picture()):
            line.send(picture.data)
            assert picture.is_read_in(json.loads(line.recv(60))["text"])


def test_a_page_of_a_stream_leaves_before_the_document_is_read(
    client: httpx.Client, pages: bytes
) -> None:
    began = time.monotonic()
    moments = []
    files = {"image": ("pages.pdf", pages, "application/pdf")}
    with client.stream("POST", "/api/ocr/recognize?format=jsonl", files=files) as answer:
        moments += [time.monotonic() - began for line in answer.iter_lines() if line]
    assert len(moments) >= PAGES
    assert moments[-1] - moments[0] > moments[-1] / 4, "The pages came all at once."


@pytest.fixture
def pages(tmp_path: Path) -> bytes:
    """A PDF of so many pictures."""
    images = [Image.open(io.BytesIO(next_picture().data)) for _ in range(PAGES)]
    images[0].save(tmp_path / "pages.pdf", save_all=True, append_images=images[1:])
    return (tmp_path / "pages.pdf").read_bytes()


# Many gateways


def test_load_is_spread_over_three_gateways(stack: Stack) -> None:
    stack.scale(3)
    before = stack.pages_by_gateway()
    with stack.client() as client:
        for _ in range(12):
            read(client, next_picture())
    after = stack.pages_by_gateway()
    assert len(after) == 3
    did = {name: after[name] - before.get(name, 0) for name in after}
    assert sum(did.values()) >= 12
    assert min(did.values()) >= 2, did
