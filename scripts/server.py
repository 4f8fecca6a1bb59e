"""What start.sh asks of Python: may the server start as configured, and is it ready.

`python -m scripts.server check` prints host, port and the seconds that a stop may take;
`wait PID URL` returns when the server is ready. Both say in a sentence what is in the way, and end
with status 1.
"""

import errno
import json
import shutil
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from pydantic import ValidationError

from maoocr.settings import Settings

__all__ = ["Obstacle", "check", "wait"]

READY_WITHIN_S = 180.0
FAILURE_LASTS_S = 10.0
STOP_SPARE_S = 30
"""What gunicorn has beyond the grace time to end its workers by force, and a little more."""
LOADING = "still loading"


class Obstacle(Exception):
    """Why the server cannot start, as a sentence."""


def check() -> tuple[str, int, int]:
    """Host and port that the server will listen on, and how many seconds its stop may take.

    Port 0 has become a free one.

    Raises:
        Obstacle: a setting is wrong, the port is taken, or the disk is full.
    """
    try:
        settings = Settings()
    except ValidationError as wrong:
        raise Obstacle("\n".join(_told(wrong))) from None
    spool = settings.spool.dir or Path(tempfile.gettempdir())
    _check_disk(spool if spool.is_dir() else spool.parent, settings.limits.max_body_bytes)
    port = _free_port(settings.server.host, settings.server.port)
    return settings.server.host, port, round(settings.server.grace_s) + STOP_SPARE_S


def _told(wrong: ValidationError) -> list[str]:
    lines = []
    for error in wrong.errors():
        path = "__".join(str(part) for part in error["loc"])
        name = path if path.isupper() else f"MAOOCR_{path}".upper()
        lines.append(f"{name}={error['input']!s:.100}: {error['msg']}.")
    return lines


def _check_disk(folder: Path, needed_bytes: int) -> None:
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError as wrong:
        raise Obstacle(f"Uploads cannot be kept in {folder}: {wrong.strerror}.") from None
    if free_bytes < needed_bytes:
        raise Obstacle(
            f"There is no room on the disk: {folder} has {free_bytes >> 20} MiB left, and one"
            f" upload may take {needed_bytes >> 20} MiB (MAOOCR_LIMITS__MAX_BODY_BYTES);"
            " MAOOCR_SPOOL__DIR names another folder."
        )


def _free_port(host: str, port: int) -> int:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise Obstacle(f"{host} is no address of this machine (MAOOCR_SERVER__HOST).") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as wrong:
            raise Obstacle(_port_sentence(host, port, wrong)) from None
        return int(probe.getsockname()[1])


def _port_sentence(host: str, port: int, wrong: OSError) -> str:
    if wrong.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is taken by another program:"
            " --port N takes another one, --port 0 a free one."
        )
    if wrong.errno == errno.EACCES:
        return f"Port {port} needs rights that you do not have: --port N takes another one."
    return f"{host} is no address of this machine (MAOOCR_SERVER__HOST)."


def wait(pid: int, url: str) -> None:
    """Return as soon as the server is ready.

    Raises:
        Obstacle: the process ended, or its engine cannot be loaded.
    """
    deadline = time.monotonic() + READY_WITHIN_S
    state = ""
    while _runs(pid):
        state = _readiness(url)
        if not state:
            return
        if time.monotonic() > deadline:
            raise Obstacle(f"The server does not get ready: {state}")
        if LOADING not in state:
            deadline = min(deadline, time.monotonic() + FAILURE_LASTS_S)
        time.sleep(0.05)
    raise Obstacle("The server ended while it started.")


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _readiness(url: str) -> str:
    """What keeps the server from being ready; empty when nothing does."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5):
            return ""
    except urllib.error.HTTPError as answer:
        body = answer.read(10_000)
        try:
            return str(json.loads(body)["error"]["message"])
        except (ValueError, KeyError, TypeError):
            return f"it answers {answer.code}."
    except OSError:
        return f"it is {LOADING}."


def main(arguments: list[str]) -> int:
    """Run one of the two and turn what is in the way into its sentence."""
    try:
        if arguments == ["check"]:
            sys.stdout.write("{} {} {}\n".format(*check()))
        else:
            wait(int(arguments[1]), arguments[2])
    except Obstacle as obstacle:
        sys.stderr.write(f"{obstacle}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
