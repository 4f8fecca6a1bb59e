"""`maoocr keys` beside a server that runs, and a server that would be open to all."""

import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from maoocr.service.keyring import FRESH_S

pytestmark = pytest.mark.integration

SECRET = re.compile(r"mao_[0-9A-Z]{26}_[0-9A-Za-z]{43}\n")


@pytest.fixture
def own(environment: dict[str, str], tmp_path: Path, database_url: str) -> dict[str, str]:
    """The environment with a database of its own."""
    state = {"MAOOCR_STATE_DIR": str(tmp_path / "state"), "DATABASE_URL": database_url}
    return {**environment, **state, "MAOOCR_SPOOL__DIR": str(tmp_path)}


@pytest.fixture
def embedded(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment with a state folder of its own."""
    return environment | {"MAOOCR_STATE_DIR": str(tmp_path), "MAOOCR_SPOOL__DIR": str(tmp_path)}


def maoocr(own: dict[str, str], *args: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "maoocr.cli", *args]
    return subprocess.run(
        command, env=own, capture_output=True, text=True, timeout=120, check=False
    )


@contextmanager
def serving(own: dict[str, str], *args: str) -> Iterator[str]:
    """The address of a server, once it is ready."""
    command = [sys.executable, "-m", "maoocr.cli", "serve", "--port", "0", *args]
    with subprocess.Popen(command, env=own, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        said = process.stderr.readline().decode()
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        try:
            port = said.strip().rpartition(":")[2]
            address = f"http://127.0.0.1:{port}"
            until(lambda: status(f"{address}/readyz") == 200, said)
            yield address
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            drain.join()


def status(url: str, secret: str = "") -> int:
    request = urllib.request.Request(url)
    if secret:
        request.add_header("Authorization", f"Bearer {secret}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def until(holds: Callable[[], bool], what: str) -> float:
    """The seconds until it holds."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() < started + 60, what
        threading.Event().wait(0.05)
    return time.monotonic() - started


def test_a_running_server_takes_notice_of_keys(own: dict[str, str]) -> None:
    with serving(own) as address:
        guarded = f"{address}/api/ocr/engines"
        assert status(guarded) == 200
        made = maoocr(own, "keys", "create", "scanner", "--scope", "recognize", "--rate", "600")
        assert made.returncode == 0, made.stderr
        assert SECRET.fullmatch(made.stdout)
        secret = made.stdout.strip()
        assert until(lambda: status(guarded) == 401, "closed") < FRESH_S + 2
        assert status(guarded, secret) == 200
        assert status(f"{address}/api/keys", secret) == 403
        key_id = secret.split("_")[1]
        until(lambda: "used 20" in maoocr(own, "keys", "list").stdout, "used")
        listed = maoocr(own, "keys", "list").stdout
        assert re.search(
            rf"^{key_id}  good .* 600/min .* recognize +scanner$", listed, re.MULTILINE
        )
        assert secret not in listed
        assert maoocr(own, "keys", "revoke", key_id).returncode == 0
        assert until(lambda: status(guarded, secret) == 401, "revoked") < FRESH_S + 2
        assert f"{key_id}  revoked" in maoocr(own, "keys", "list").stdout


def test_the_command_line_reads_with_a_key(embedded: dict[str, str], pictures: Path) -> None:
    secret = maoocr(embedded, "keys", "create", "mine").stdout.strip()
    with serving(embedded) as address:
        command = ("recognize", str(pictures / "alpha.png"), "--server", address)
        refused = maoocr(embedded, *command)
        assert refused.returncode == 1
        assert refused.stderr.count("API key") == 1
        assert maoocr(embedded, *command, "--api-key", secret).stdout == "alpha\n"
        assert maoocr(embedded | {"MAOOCR_API_KEY": secret}, *command).stdout == "alpha\n"


def test_a_server_for_all_needs_a_key(embedded: dict[str, str]) -> None:
    refused = maoocr(embedded, "serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 1
    assert "maoocr keys create" in refused.stderr
    assert "Traceback" not in refused.stderr
    secret = maoocr(embedded, "keys", "create", "mine").stdout.strip()
    with serving(embedded, "--host", "0.0.0.0") as address:
        assert status(f"{address}/api/ocr/engines") == 401
        assert status(f"{address}/api/ocr/engines", secret) == 200


def test_a_server_for_all_may_be_told_to_do_without(embedded: dict[str, str]) -> None:
    with serving(embedded | {"MAOOCR_AUTH__ALLOW_OPEN": "true"}, "--host", "0.0.0.0") as address:
        assert status(f"{address}/api/ocr/engines") == 200


@pytest.mark.parametrize(
    ("args", "code", "sentence"),
    [
        (("create", "x", "--scope", "everything"), 1, "'everything' is not known"),
        (("create", " "), 1, "printable characters"),
        (("create", "x", "--rate", "0"), 2, "--rate"),
        (("revoke", "nothing"), 1, "There is no API key with this id."),
    ],
)
def test_what_is_wrong_is_a_sentence(
    embedded: dict[str, str], args: tuple[str, ...], code: int, sentence: str
) -> None:
    done = maoocr(embedded, "keys", *args)
    assert done.returncode == code
    assert sentence in done.stderr
    assert done.stdout == ""


def test_a_database_that_is_away_is_a_sentence(environment: dict[str, str]) -> None:
    away = environment | {"DATABASE_URL": "postgresql://user:swordfish@127.0.0.1:9/x"}
    done = maoocr(away, "keys", "list")
    assert done.returncode == 1
    assert "The database is away" in done.stderr
    assert "swordfish" not in done.stderr
    assert done.stderr.count("\n") == 1
