"""`./start.sh`: an address and a line to paste, or a sentence that says what is in the way."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.start_stop.checkouts import ROOT, Checkout, address_in, get, is_running
from tests.integration.start_stop.waiting import wait_for

pytestmark = pytest.mark.integration


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_printed_line_reads_the_sample(checkout: Checkout) -> None:
    answer = checkout.start(MAOOCR_ENGINE="ppocr")
    assert answer.returncode == 0, answer.stderr
    (line,) = [line for line in answer.stdout.splitlines() if line.strip().startswith("curl ")]
    reply = checkout.run(*shlex.split(line), "--silent")
    text = json.loads(reply.stdout)["text"].splitlines()
    assert text[:2] == ["MAO TEA HOUSE", "猫茶馆"]
    assert text[-3:] == ["1.38", "Thank you, come again!", "谢谢光临"]
    checkout.stop()


def test_a_second_start_says_that_it_runs_already(checkout: Checkout) -> None:
    address = checkout.started()
    pid = checkout.pid
    again = checkout.start()
    assert again.returncode == 0
    assert f"runs already at {address} (process {pid})" in again.stdout
    assert checkout.pid == pid
    assert (checkout.root / "logs/server.log").stat().st_size > 0
    checkout.stop()


def test_a_busy_port_is_named(checkout: Checkout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        answer = checkout.run("./start.sh", "--port", str(port))
    assert answer.returncode == 1
    assert f"Port {port} of 127.0.0.1 is taken by another program" in answer.stderr
    assert not (checkout.root / "run/server").exists()


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("MAOOCR_POOL__LANES", "many", "MAOOCR_POOL__LANES=many: "),
        ("MAOOCR_SERVER__HOST", "203.0.113.7", "203.0.113.7 is no address of this machine"),
        ("MAOOCR_SERVER__HOST", "0.0.0.0", "`maoocr keys create NAME` makes a key"),
        ("MAOOCR_LIMITS__MAX_BODY_BYTES", str(10**17), "There is no room on the disk"),
        ("MAOOCR_SPOOL__DIR", "/nowhere/at/all", "Uploads cannot be kept in /nowhere/at"),
    ],
)
def test_what_is_in_the_way_is_said_in_a_sentence(
    checkout: Checkout, variable: str, value: str, sentence: str
) -> None:
    answer = checkout.start(**{variable: value})
    assert answer.returncode == 1
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr


def test_gunicorn_by_itself_does_not_listen_for_all_without_a_key(checkout: Checkout) -> None:
    command = (".venv/bin/python", "-m", "gunicorn", "--config", "configs/gunicorn.py")
    answer = checkout.run(*command, MAOOCR_SERVER__HOST="0.0.0.0", MAOOCR_SERVER__PORT="0")
    assert answer.returncode == 1
    assert "`maoocr keys create NAME` makes a key" in answer.stderr
    assert "Listening" not in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_start_that_fails_shows_the_log_and_leaves_nothing(checkout: Checkout) -> None:
    answer = checkout.start(MAOOCR_ENGINE="abacus")
    assert answer.returncode == 1
    assert "MAOOCR_ENGINE is 'abacus'" in answer.stderr
    assert answer.stderr.endswith("MaoOCR did not start.\n")
    assert not (checkout.root / "run/server").exists()
    assert checkout.stop().stdout == "Nothing runs here.\n"


def test_an_unknown_option_is_refused(checkout: Checkout) -> None:
    answer = checkout.run("./start.sh", "--quick")
    assert answer.returncode == 1
    assert "knows no --quick" in answer.stderr


def test_an_old_python_is_named(bare_checkout: Checkout) -> None:
    old = bare_checkout.root / "python3"
    old.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.9.2'\nexit 1\n")
    old.chmod(0o755)
    answer = bare_checkout.start(PYTHON=str(old))
    assert answer.returncode == 1
    assert "MaoOCR needs Python 3.11 or newer" in answer.stderr
    assert "is Python 3.9.2" in answer.stderr


def test_a_package_index_out_of_reach_is_named(bare_checkout: Checkout) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    answer = bare_checkout.start(
        PYTHON=sys.executable,
        PATH="/usr/bin:/bin",
        PIP_CONFIG_FILE="/dev/null",
        PIP_INDEX_URL=nowhere,
        PIP_EXTRA_INDEX_URL="",
        PIP_FIND_LINKS="",
        PIP_RETRIES="1",
    )
    assert answer.returncode == 1
    assert "The package index cannot be reached" in answer.stderr


def test_foreground_stays_until_it_is_ended(checkout: Checkout) -> None:
    command = ["./start.sh", "--foreground", "--port", "0"]
    with subprocess.Popen(
        command, cwd=checkout.root, env=checkout.environ(), stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        address = address_in(server.stdout.readline())
        assert checkout.pid == server.pid
        assert json.loads(get(f"{address}/readyz")) == {"status": "ready"}
        os.kill(server.pid, signal.SIGINT)
        assert server.wait(timeout=60) == 0


def test_reload_takes_up_a_change(checkout: Checkout) -> None:
    (checkout.root / "src").unlink()
    copy = checkout.run("cp", "-R", str(ROOT / "src"), "src")
    assert copy.returncode == 0
    address = checkout.started("--reload")
    version = checkout.root / "src/maoocr/__init__.py"
    changed = version.read_text().replace('__version__ = "', '__version__ = "99.')
    version.write_text(changed)
    before = workers(checkout.pid)
    wait_for(lambda: workers(checkout.pid) not in ([], before))
    wait_for(lambda: answers(f"{address}/health", b'"version":"99.'))
    checkout.stop()


def test_several_gateways_merge_their_metrics(checkout: Checkout, tmp_path: Path) -> None:
    address = checkout.started(WEB_CONCURRENCY="2", TMPDIR=str(tmp_path))
    wait_for(lambda: sum(1 for _ in tmp_path.glob("maoocr-metrics-*/counter_*.db")) == 2)
    assert b"maoocr_http_requests_total" in get(f"{address}/metrics")
    checkout.stop()
    assert list(tmp_path.glob("maoocr-metrics-*")) == []


def workers(master: int) -> list[int]:
    try:
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in children if is_running(int(child))]


def answers(url: str, wanted: bytes) -> bool:
    try:
        return wanted in get(url)
    except OSError:
        return False
