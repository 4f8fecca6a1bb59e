"""Two gateway processes on one database, either of which may be killed at any time."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.fakes.gateway import GatewayProcess

__all__ = ["JOBS", "Pair", "pair"]

JOBS = "/api/ocr/jobs"
PATIENCE_S = 60.0


class Pair:
    """The two of them; `a` and `b` are where they stand."""

    def __init__(self, folder: Path, environment: dict[str, str], delay_s: float) -> None:
        self._folder = folder
        self._delay_s = delay_s
        self._environment = {
            "MAOOCR_JOBS__LEASE_SECONDS": "1",
            "MAOOCR_JOBS__POLL_SECONDS": "0.2",
            "MAOOCR_STATE_DIR": str(folder / "state"),
        } | environment
        self._started = 0
        self.gateways: dict[str, GatewayProcess] = {}

    def start(self, name: str) -> None:
        """Start it, on a port of its own."""
        self._started += 1
        folder = self._folder / f"{name}{self._started}"
        self.gateways[name] = GatewayProcess(folder, self._environment, delay_s=self._delay_s)

    def kill(self, name: str) -> None:
        """Kill it, as the power does."""
        self.gateways[name].kill()

    def end(self) -> None:
        """End both in order."""
        for gateway in self.gateways.values():
            gateway.end()

    def url(self, name: str, path: str = "") -> str:
        """Where it listens."""
        return f"{self.gateways[name].url}{path}"

    def wait_ready(self, *names: str) -> None:
        """Return when they have the database."""
        ends = time.monotonic() + PATIENCE_S
        for name in names:
            while httpx.get(self.url(name, JOBS), timeout=PATIENCE_S).status_code != 200:
                assert time.monotonic() < ends
                threading.Event().wait(0.05)

    def post(self, name: str, *documents: tuple[str, bytes], **sent: Any) -> Any:
        """Make a job; its JSON."""
        files = [("files", document) for document in documents]
        answer = httpx.post(self.url(name, JOBS), files=files, timeout=PATIENCE_S, **sent)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def show(self, name: str, job: str) -> Any:
        """The job."""
        self.wait_ready(name)
        answer = httpx.get(self.url(name, f"{JOBS}/{job}"), timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, name: str, job: str, most: int | None = None) -> list[Any]:
        """Lines of the results, as they come; until there are so many, or to the end."""
        found: list[Any] = []
        self.wait_ready(name)
        url = self.url(name, f"{JOBS}/{job}/results?follow=true")
        with httpx.stream("GET", url, timeout=PATIENCE_S) as answer:
            assert answer.status_code == 200
            for line in answer.iter_lines():
                found.append(json.loads(line))
                if most is not None and len(found) >= most:
                    break
        return found


@contextmanager
def pair(folder: Path, environment: dict[str, str], delay_s: float) -> Iterator[Pair]:
    """Both, started; ended at exit."""
    both = Pair(folder, environment, delay_s)
    try:
        both.start("a")
        both.start("b")
        both.wait_ready("a", "b")
        yield both
    finally:
        both.end()
