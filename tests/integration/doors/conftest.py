"""A server and a command line of their own, with the fake engine in real lanes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from pytest_socket import enable_socket, socket_allow_hosts

from maoocr.engines.fake import picture_of

ROOT = Path(__file__).resolve().parents[3]

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(autouse=True)
def loopback_only() -> None:
    enable_socket()
    socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of a person who has set up one lane of the fake engine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAOOCR_")}
    return {
        **kept,
        "PYTHONPATH": str(ROOT / "src"),
        "MAOOCR_ENGINE": "fake",
        "MAOOCR_POOL__LANES": "1",
        "MAOOCR_SPOOL__DIR": str(tmp_path_factory.mktemp("spool")),
        "COLUMNS": "200",
    }


def _hear_ctrl_c() -> None:
    """A shell's background jobs, and what they start, would ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def start(environment: dict[str, str]) -> Iterator[Start]:
    """Starts `maoocr` with arguments; what still runs at the end is ended."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(
        *args: str, stdin: int = subprocess.DEVNULL, stderr: int = subprocess.PIPE
    ) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "maoocr.cli", *args],
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            preexec_fn=_hear_ctrl_c,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


@pytest.fixture(scope="session")
def server(start: Start) -> str:
    """The address of a running server."""
    process = start("serve", "--port", "0")
    assert process.stderr is not None
    said = process.stderr.readline().decode()
    found = re.search(r"http://127\.0\.0\.1:\d+", said)
    assert found, said
    return found[0]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures, each of which reads as its name, and one broken file."""
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("alpha", "beta", "gamma", "delta", "epsilon"):
        Image.fromarray(picture_of(name)).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return folder
