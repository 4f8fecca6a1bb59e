"""Downloads from a real server on this machine that behaves in every bad way."""

import errno
import hashlib
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest
from pytest_socket import socket_allow_hosts

from maoocr.engines.download import fetch
from maoocr.engines.download_source import Patience
from maoocr.engines.manifest import Model, ModelFile
from maoocr.engines.models import pull, state_of
from maoocr.errors import ModelUnavailable, StorageFull

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]

CONTENT = os.urandom(700_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    answers: dict[str, Answer]
    release: threading.Event

    def do_GET(self) -> None:
        try:
            self.answers[self.path](self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass

    def head(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()


def whole(handler: Handler) -> None:
    handler.head(Content_Length=str(len(CONTENT)))
    handler.wfile.write(CONTENT)


def unannounced(handler: Handler) -> None:
    handler.head()
    handler.wfile.write(CONTENT)


def wrong(handler: Handler) -> None:
    handler.head(Content_Length="5")
    handler.wfile.write(b"wrong")


def cut(handler: Handler) -> None:
    handler.head(Content_Length=str(len(CONTENT)))
    handler.wfile.write(CONTENT[:300_000])


def cut_chunked(handler: Handler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.head(Transfer_Encoding="chunked")
    handler.wfile.write(b"100\r\nabc")
    handler.close_connection = True


def silent(handler: Handler) -> None:
    handler.head(Content_Length=str(len(CONTENT)))
    handler.wfile.write(CONTENT[:1000])
    handler.wfile.flush()
    handler.release.wait(20)


def mute(handler: Handler) -> None:
    handler.release.wait(20)


def endless(handler: Handler) -> None:
    handler.head()
    for _ in range(100):
        handler.wfile.write(CONTENT)


def missing(handler: Handler) -> None:
    handler.head(404)


def no_http(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-hello\r\n")


def away(handler: Handler) -> None:
    handler.head(302, Location="http://models.host.test/x")


def to_a_file(handler: Handler) -> None:
    handler.head(302, Location="file:///etc/passwd")


def along(handler: Handler) -> None:
    handler.head(302, Location="/whole")


def around(handler: Handler) -> None:
    handler.head(302, Location="/around")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    release = threading.Event()
    answers: dict[str, Answer] = {
        f"/{answer.__name__}": answer
        for answer in (
            whole,
            unannounced,
            wrong,
            cut,
            cut_chunked,
            silent,
            mute,
            endless,
            missing,
            no_http,
            away,
            to_a_file,
            along,
            around,
        )
    }
    bound = type("Bound", (Handler,), {"answers": answers, "release": release})
    with ThreadingHTTPServer(("127.0.0.1", 0), bound) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        release.set()
        http.shutdown()
        thread.join()


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("answer", ["whole", "unannounced", "along"])
def test_a_file_arrives_whole_and_readable_by_all(server: str, answer: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    target = tmp_path / "new" / "folder" / "det.onnx"
    fetch(
        f"{server}/{answer}",
        target,
        sha256=SHA256,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert target.read_bytes() == CONTENT
    assert target.stat().st_mode & 0o777 == 0o644
    assert entries(target.parent) == ["det.onnx"]
    assert seen[-1] == (len(CONTENT), None if answer == "unannounced" else len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("wrong", f"its SHA-256 is {hashlib.sha256(b'wrong').hexdigest()}, {SHA256} is expected"),
        ("cut", "broke off after 300000 of 700000 bytes"),
        ("cut_chunked", "broke off"),
        ("silent", "broke off: no answer within 0.2 s"),
        ("mute", "cannot be reached: no answer within 0.2 s"),
        ("missing", "answered 404"),
        ("no_http", "cannot be reached"),
        ("away", "'http://models.host.test/x' is refused: only https"),
        ("to_a_file", "answered 302 .* 'file:///etc/passwd' is not allowed"),
        ("around", "answered 302"),
    ],
)
def test_a_failure_is_a_sentence_and_leaves_nothing_behind(
    server: str, answer: str, message: str, tmp_path: Path
) -> None:
    target = tmp_path / "det.onnx"
    target.write_bytes(b"what was there before")
    with pytest.raises(ModelUnavailable, match=message):
        fetch(f"{server}/{answer}", target, sha256=SHA256, patience=Patience(silence_s=0.2))
    assert entries(tmp_path) == ["det.onnx"]
    assert target.read_bytes() == b"what was there before"


def test_more_than_the_manifest_says_is_cut_off(server: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="sends more than the 700000 bytes expected"):
        fetch(f"{server}/endless", tmp_path / "x", sha256=SHA256, size_bytes=len(CONTENT))
    assert entries(tmp_path) == []


def test_another_size_than_the_manifest_says_is_refused_before_the_download(
    server: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelUnavailable, match="700000 bytes are announced, 5 are expected"):
        fetch(f"{server}/whole", tmp_path / "x", sha256=SHA256, size_bytes=5)


def test_a_trickle_is_given_up(server: str, tmp_path: Path) -> None:
    ticks = count(step=100)
    patience = Patience(window_s=60, window_bytes=10**9, clock=lambda: next(ticks))
    with pytest.raises(ModelUnavailable, match=r"too slow: less than 1000000000 bytes .* in 60 s"):
        fetch(f"{server}/whole", tmp_path / "x", sha256=SHA256, patience=patience)
    assert entries(tmp_path) == []


def test_nobody_listens(server: str, tmp_path: Path) -> None:
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{idle.getsockname()[1]}/x"
        with pytest.raises(ModelUnavailable, match="cannot be reached: Connection refused"):
            fetch(url, tmp_path / "x", sha256=SHA256)


def test_a_name_that_is_not_found_asks_for_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_found(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", not_found)
    with pytest.raises(ModelUnavailable, match=r"name is not found.*connected.*HTTPS_PROXY"):
        fetch("https://models.host.test/x", tmp_path / "x", sha256=SHA256)


def test_no_room_is_told_before_the_download(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    with pytest.raises(StorageFull, match=r"no room for x: 0\.7 MB are needed.*MODEL_PATH"):
        fetch(f"{server}/whole", tmp_path / "x", sha256=SHA256)
    assert entries(tmp_path) == []


def test_a_disk_that_fills_up_is_told(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match="no room left"):
        fetch(f"{server}/whole", tmp_path / "x", sha256=SHA256)
    assert entries(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_told(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelUnavailable, match="cannot be written"):
        fetch(f"{server}/whole", tmp_path / "file" / "x", sha256=SHA256)


def model_at(server: str, *answers: str) -> Model:
    files = tuple(
        ModelFile(path=f"m/{answer}", url=f"{server}/{answer}", sha256=SHA256) for answer in answers
    )
    return Model(title="t", licence="MIT", homepage="h", files=files)


def test_pulls_at_the_same_time_do_not_hurt_each_other(server: str, tmp_path: Path) -> None:
    model = model_at(server, "whole", "unannounced")
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(pull, model, tmp_path) for _ in range(8)]:
            done.result()
    assert entries(tmp_path / "m") == ["unannounced", "whole"]
    assert all((tmp_path / file.path).read_bytes() == CONTENT for file in model.files)


def test_a_pull_fetches_only_what_is_not_right(server: str, tmp_path: Path) -> None:
    model = model_at(server, "whole", "unannounced")
    assert len(pull(model, tmp_path)) == 2
    (tmp_path / "m/whole").write_bytes(b"damaged")
    assert [file.path for file in pull(model, tmp_path)] == ["m/whole"]
    assert state_of(model, tmp_path) == "ready"


def test_files_that_came_stay_when_a_later_one_fails(server: str, tmp_path: Path) -> None:
    model = model_at(server, "whole", "missing")
    with pytest.raises(ModelUnavailable, match="answered 404"):
        pull(model, tmp_path)
    assert state_of(model, tmp_path) == "partial"
