"""Frames of a WebSocket count like requests of their own, and are kept for those who ask."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from maoocr.cli import app
from maoocr.engines.base import EngineSpec
from maoocr.settings import PoolSettings, Settings, SpoolSettings
from tests.fakes.documents import png
from tests.integration.web.conftest import Server, serve

pytestmark = pytest.mark.integration

MakeKey = Callable[..., tuple[str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def make_key(folder: Path) -> MakeKey:
    """Makes a key by the command line; its id and its secret."""

    def make(*words: str) -> tuple[str, str]:
        environment = {"MAOOCR_STATE_DIR": str(folder)}
        done = CliRunner().invoke(app, ["keys", "create", "frames", *words], env=environment)
        assert done.exit_code == 0, done.output
        secret = done.stdout.strip().splitlines()[-1]
        return secret.split("_")[1], secret

    return make


@pytest.fixture
def live(folder: Path, tmp_path: Path, make_key: MakeKey) -> Iterator[Server]:
    make_key()
    settings = Settings(
        _env_file=None,
        engine="fake",
        state_dir=folder,
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=tmp_path / "spool"),
    )
    yield from serve(settings, [EngineSpec("fake", ".fake:FakeEngine")])


def websocket(live: Server, secret: str) -> ClientConnection:
    headers = {"Authorization": f"Bearer {secret}"}
    url = f"ws://{live.host}:{live.port}/ws/ocr"
    return connect(url, additional_headers=headers, open_timeout=30)


def answers(socket: ClientConnection, *frames: str | bytes, count: int) -> list[Any]:
    for frame in frames:
        socket.send(frame)
    return [json.loads(socket.recv(timeout=30)) for _ in range(count)]


def until_closed(socket: ClientConnection) -> tuple[Any, ConnectionClosed]:
    """Send frames until the server ends the connection; its last message, and how it ended."""
    message: Any = None
    while True:
        try:
            [message] = answers(socket, png("more"), count=1)
        except ConnectionClosed as closed:
            return message, closed


def asked(live: Server, secret: str, path: str) -> Any:
    answer = httpx.get(live.url + path, headers={"Authorization": f"Bearer {secret}"}, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_frames_count_as_requests_and_are_kept_only_where_that_is_asked_for(
    live: Server, make_key: MakeKey
) -> None:
    key, secret = make_key()
    with websocket(live, secret) as socket:
        plain = answers(socket, png("one"), png("two"), count=2)
        wanted = json.dumps({"history": True})
        kept = answers(socket, wanted, png("three"), count=1)
        off = answers(socket, json.dumps({"history": False}), png("four"), count=1)
    assert [answer["history_id"] for answer in plain + off] == [None] * 3
    [answer] = kept
    [item] = asked(live, secret, "/api/ocr/history")["items"]
    assert (item["id"], item["text"]) == (answer["history_id"], "three")
    assert item["request_id"] == answer["request_id"]
    [day] = asked(live, secret, "/api/usage")["items"]
    assert (day["owner"], day["requests"], day["pages"]) == (key, 4, 4)
    assert day["seconds"] > 0


def test_a_used_up_month_is_told_to_each_frame(live: Server, make_key: MakeKey) -> None:
    _, secret = make_key("--pages", "2")
    with websocket(live, secret) as socket:
        told = answers(socket, png("one"), png("two"), count=2)
        # What was used is known after two seconds at most.
        while "error" not in told[-1]:
            told += answers(socket, png("more"), count=1)
    assert told[-1]["error"]["code"] == "quota_exceeded"
    assert told[-1]["error"]["retryable"] is True
    assert told[-1]["retry_after_s"] > 0
    with pytest.raises(Exception, match="429"):
        websocket(live, secret)


def test_frames_are_held_to_the_rate_of_their_key(live: Server, make_key: MakeKey) -> None:
    _, secret = make_key("--rate", "3")
    with websocket(live, secret) as socket:
        told = answers(socket, *(png(str(number)) for number in range(4)), count=4)
    # The connection itself was the first.
    assert [answer.get("text") for answer in told[:2]] == ["0", "1"]
    assert {answer["error"]["code"] for answer in told[2:]} == {"rate_limited"}
    assert all(answer["retry_after_s"] > 0 for answer in told[2:])


def test_a_revoked_key_ends_its_connection(live: Server, folder: Path, make_key: MakeKey) -> None:
    key, secret = make_key()
    with websocket(live, secret) as socket:
        assert answers(socket, png("one"), count=1)[0]["text"] == "one"
        environment = {"MAOOCR_STATE_DIR": str(folder)}
        assert CliRunner().invoke(app, ["keys", "revoke", key], env=environment).exit_code == 0
        message, closed = until_closed(socket)
    assert message["error"]["code"] == "unauthorized"
    assert closed.rcvd is not None
    assert closed.rcvd.code == 1008
