"""Waiting for what another process does."""

import socket
import threading
import time
from collections.abc import Callable

CHECK_EVERY_S = 0.02


def wait_for(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Return once the condition holds; fail when it does not within the time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {seconds:.0f} s"
        pause.wait(CHECK_EVERY_S)


def refuses(host: str | None, port: int | None) -> bool:
    """Whether nobody listens at an address."""
    try:
        with socket.create_connection((host, port), timeout=5):
            return False
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        # It listened when we came and ended before it took us.
        return False
