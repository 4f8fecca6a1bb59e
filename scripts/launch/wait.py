"""`python -m scripts.launch.wait PID URL` ends when the server is ready.

It says in a sentence why the server does not get ready, and ends with status 1 then. It imports
nothing but the standard library: it runs while the server starts, on the same cores.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

__all__ = ["NotReady", "wait"]

READY_WITHIN_S = 180.0
FAILURE_LASTS_S = 10.0
LOADING = "still loading"


class NotReady(Exception):
    """Why the server does not get ready, as a sentence."""


def wait(pid: int, url: str) -> None:
    """Return as soon as the server is ready.

    Raises:
        NotReady: the process ended, or its engine cannot be loaded.
    """
    deadline = time.monotonic() + READY_WITHIN_S
    state = ""
    while _runs(pid):
        state = _readiness(url)
        if not state:
            return
        if time.monotonic() > deadline:
            raise NotReady(f"The server does not get ready: {state}")
        if LOADING not in state:
            deadline = min(deadline, time.monotonic() + FAILURE_LASTS_S)
        time.sleep(0.05)
    raise NotReady("The server ended while it started.")


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


if __name__ == "__main__":
    try:
        wait(int(sys.argv[1]), sys.argv[2])
    except NotReady as reason:
        sys.exit(str(reason))
