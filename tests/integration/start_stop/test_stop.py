"""`./stop.sh`: finishes what is in flight, ends the server, and never another process."""

import contextlib
import http.client
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from PIL import Image

from maoocr.engines.fake import picture_of
from tests.integration.start_stop.checkouts import Checkout, is_running
from tests.integration.start_stop.waiting import refuses, wait_for

pytestmark = pytest.mark.integration


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with the server."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def png_of(text: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture_of(text)).save(buffer, "PNG")
    return buffer.getvalue()


def start_ticks(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def remember(checkout: Checkout, pid: int, started: str) -> None:
    (checkout.root / "run").mkdir()
    (checkout.root / "run/server").write_text(
        f"pid={pid}\nstarted={started}\nurl=http://127.0.0.1:8000\nstop_s=60\n"
    )


def test_it_ends_the_server_and_says_so(checkout: Checkout) -> None:
    checkout.started()
    pid = checkout.pid
    answer = checkout.stop()
    assert answer.returncode == 0
    assert f"(process {pid})" in answer.stdout
    assert "Stopped after" in answer.stdout
    assert not is_running(pid)
    assert checkout.stop().stdout == "Nothing runs here.\n"


def test_a_request_in_flight_is_answered_before_the_end(checkout: Checkout) -> None:
    address = urlsplit(checkout.started())
    assert address.hostname is not None
    assert address.port is not None
    body = png_of("still answered")
    request = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    with contextlib.closing(request):
        request.putrequest("POST", "/api/ocr/recognize")
        request.putheader("Content-Type", "image/png")
        request.putheader("Content-Length", str(len(body)))
        request.putheader("Expect", "100-continue")
        request.endheaders()
        assert request.sock.recv(100).startswith(b"HTTP/1.1 100 ")
        request.send(body[:100])
        with subprocess.Popen(
            ["./stop.sh"], cwd=checkout.root, stdout=subprocess.PIPE, text=True
        ) as stopping:
            wait_for(lambda: refuses(address.hostname, address.port))
            assert stopping.poll() is None
            request.send(body[100:])
            answer = request.getresponse()
            assert answer.status == 200
            assert b"still answered" in answer.read()
            request.close()
            assert stopping.wait(timeout=60) == 0


def test_a_server_that_died_is_forgotten_and_leaves_no_process(checkout: Checkout) -> None:
    checkout.started()
    pid = checkout.pid
    processes = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    subprocess.run(["kill", "-KILL", str(pid)], check=True)
    wait_for(lambda: not any(is_running(process) for process in processes))
    answer = checkout.stop()
    assert answer.returncode == 0
    assert f"process {pid}, has ended" in answer.stdout
    assert not (checkout.root / "run/server").exists()


def test_a_stranger_with_the_number_of_the_server_is_left_alone(
    checkout: Checkout, stranger: subprocess.Popen[bytes]
) -> None:
    remember(checkout, stranger.pid, started="1")
    assert checkout.stop().returncode == 0
    assert stranger.poll() is None


def test_a_stranger_is_left_alone_even_when_the_clock_agrees(
    checkout: Checkout, stranger: subprocess.Popen[bytes]
) -> None:
    remember(checkout, stranger.pid, started=start_ticks(stranger.pid))
    assert checkout.stop().returncode == 0
    assert stranger.poll() is None


def test_a_start_is_not_hindered_by_a_stranger(
    checkout: Checkout, stranger: subprocess.Popen[bytes]
) -> None:
    remember(checkout, stranger.pid, started="1")
    checkout.started()
    assert checkout.pid != stranger.pid
    assert checkout.stop().returncode == 0
    assert stranger.poll() is None
