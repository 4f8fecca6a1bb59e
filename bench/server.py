"""A server of our own, started for a measurement and ended after it."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

import psutil

from .machine import ROOT
from .processes import tree
from .report import RESULTS

__all__ = ["Server"]

READY_WITHIN_S = 120.0
ENDS_WITHIN_S = 60.0


class Server:
    """gunicorn with this checkout's configuration on a free port of the loopback.

    A context manager: entering returns when all lanes are ready, leaving ends every process.
    """

    def __init__(
        self, settings: Mapping[str, str] | None = None, *, cores: Collection[int] = ()
    ) -> None:
        """Plan it.

        Args:
            settings: environment variables on top of those of this process.
            cores: the only ones that it may use; all when empty.
        """
        self._settings = dict(settings or {})
        self._cores = tuple(cores)
        self.port = _free_port()
        self._state = tempfile.TemporaryDirectory(prefix="maoocr-bench-")
        self.lanes = 0
        self.details: dict[str, str] = {}

    @property
    def pid(self) -> int:
        """Of the first process; all others descend from it."""
        return self._process.pid

    def __enter__(self) -> "Server":
        RESULTS.mkdir(parents=True, exist_ok=True)
        self.log = RESULTS / f"server-{self.port}.log"
        # The chosen port is not known to others' settings, so it wins over what is set outside.
        environment = {
            **os.environ,
            "MAOOCR_LOG__LEVEL": "warning",
            **self._settings,
            "PYTHONPATH": str(ROOT / "src"),
            "MAOOCR_STATE_DIR": self._state.name,
            "MAOOCR_SERVER__HOST": "127.0.0.1",
            "MAOOCR_SERVER__PORT": str(self.port),
        }
        command = [sys.executable, "-m", "gunicorn", "--config", "configs/gunicorn.py"]
        if self._cores:
            command = ["taskset", "-c", ",".join(map(str, self._cores)), *command]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.started_s = self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        if error is None:
            self.log.unlink(missing_ok=True)

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.load(answer)

    def _wait_until_ready(self) -> float:
        started = time.monotonic()
        while time.monotonic() - started < READY_WITHIN_S:
            if self._process.poll() is not None:
                raise RuntimeError(f"The server ended while it started; see {self.log}.")
            with suppress(urllib.error.URLError, OSError):
                engines = self.get("/api/ocr/engines")["engines"]
                self.lanes = sum(engine["lanes"] for engine in engines)
                if self.lanes and self.lanes == sum(e["lanes_ready"] for e in engines):
                    self.details = engines[0]["details"]
                    return time.monotonic() - started
            time.sleep(0.05)
        raise RuntimeError(f"The server is not ready after {READY_WITHIN_S:g} s; see {self.log}.")

    def _stop(self) -> None:
        processes = tree(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _, alive = psutil.wait_procs(processes, timeout=5)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
