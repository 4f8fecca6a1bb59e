"""Events and WebSockets over real connections, as the server runs them (uvloop, its protocol)."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from maoocr.engines.base import EngineSpec
from maoocr.settings import PoolSettings, Settings, SpoolSettings
from tests.fakes.documents import png, scan
from tests.integration.web.conftest import Server, serve

pytestmark = pytest.mark.integration

JOBS = "/api/ocr/jobs"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = Settings(
        _env_file=None,
        engine="fake",
        state_dir=tmp_path_factory.mktemp("state"),
        pool=PoolSettings(lanes=2),
        spool=SpoolSettings(dir=tmp_path_factory.mktemp("spool")),
    )
    yield from serve(settings, [EngineSpec("fake", ".fake:FakeEngine", {"delay_s": 0.1})])


def make(live: Server, *texts: str) -> str:
    files = [("files", ("scan.pdf", scan(*texts)))]
    answer = httpx.post(live.url + JOBS, files=files)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def events(live: Server, job: str, **headers: str) -> list[tuple[str, str, Any]]:
    """Name, id and data of each event until the end."""
    found, fields = [], dict[str, str]()
    path = f"{live.url}{JOBS}/{job}/events"
    with httpx.stream("GET", path, headers=headers, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
                fields = {}
    return found


def websocket(live: Server, path: str) -> ClientConnection:
    return connect(f"ws://{live.host}:{live.port}{path}", open_timeout=30, max_size=2**24)


def told(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=30))


def test_events_tell_each_page_and_the_end(live: Server) -> None:
    job = make(live, "one", "two", "three")
    found = events(live, job)
    assert [number for name, number, _ in found if name == "page"] == ["1", "2", "3"]
    assert found[-1][:2] == ("end", "4")
    assert found[-1][2]["status"] == "succeeded"
    assert [d["pages_ended"] for name, _, d in found if name == "page"] == [1, 2, 3]


def test_events_resume_after_the_last_one_that_was_seen(live: Server) -> None:
    job = make(live, "one", "two", "three")
    events(live, job)
    again = events(live, job, **{"Last-Event-ID": "2"})
    assert [number for name, number, _ in again if name == "page"] == ["3"]
    path = f"{live.url}{JOBS}/{job}/events"
    assert httpx.get(path, headers={"Last-Event-ID": "4"}).status_code == 204
    assert httpx.get(f"{live.url}{JOBS}/{'0' * 26}/events").status_code == 404


def test_a_job_is_followed_over_a_websocket(live: Server) -> None:
    job = make(live, "one", "two")
    with websocket(live, f"/ws/ocr/jobs/{job}") as socket:
        # Ends when the server closes the connection in order.
        messages = [json.loads(message) for message in socket]
    assert [m["id"] for m in messages if m["type"] == "page"] == [1, 2]
    assert messages[-1]["type"] == "end"
    assert messages[-1]["data"]["pages_done"] == 2


def test_a_job_that_is_not_there_is_told_with_the_one_body(live: Server) -> None:
    with websocket(live, f"/ws/ocr/jobs/{'0' * 26}") as socket:
        assert told(socket)["error"]["code"] == "not_found"


def test_frames_are_read_in_order(live: Server) -> None:
    with websocket(live, "/ws/ocr") as socket:
        socket.send(png("first"))
        encoded = base64.b64encode(png("second")).decode()
        socket.send(json.dumps({"id": "b", "image_base64": encoded, "words": True}))
        first, second = told(socket), told(socket)
    assert (first["id"], first["text"]) == (1, "first")
    assert (second["id"], second["text"]) == ("b", "second")
    assert second["pages"][0]["lines"][0]["words"]


def test_a_bad_frame_hurts_no_other(live: Server) -> None:
    with websocket(live, "/ws/ocr") as socket:
        for bad in (b"no picture", "no json", '{"pages": "x"}', '{"image_base64": "*"}'):
            socket.send(bad)
        socket.send(png("good"))
        answers = [told(socket) for _ in range(5)]
    codes = sorted(answer["error"]["code"] for answer in answers if "error" in answer)
    assert codes == ["invalid_request"] * 3 + ["unsupported_media"]
    assert "good" in [answer.get("text") for answer in answers]


def test_in_real_time_the_newest_frame_wins(live: Server) -> None:
    with websocket(live, "/ws/ocr") as socket:
        socket.send(json.dumps({"real_time": True}))
        for number in range(30):
            socket.send(png(f"frame {number}"))
        answers = [told(socket) for _ in range(30)]
    read = [answer for answer in answers if "text" in answer]
    assert read[-1]["text"] == "frame 29"
    assert len(read) < 10
    assert sorted(answer["id"] for answer in answers) == list(range(1, 31))
