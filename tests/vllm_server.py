"""A real vLLM on the processor, where its package is there; it recites (see `vllm_checkpoint`)."""

import hashlib
import http.client
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.servers import free_port

__all__ = ["MODEL", "RealVllm", "vllm_python"]

MODEL = "PaddleOCR-VL-1.6-0.9B"
"""The name under which it is served."""

START_S = 300.0
END_S = 30.0
_ROOT = Path(__file__).resolve().parents[1]
_MAKER = _ROOT / "tests" / "vllm_checkpoint.py"
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
}


def vllm_python() -> Path | None:
    """An interpreter that has vLLM: `MAOOCR_TEST_VLLM_PYTHON`, else the one of scripts/vllm-cpu."""
    named = os.environ.get("MAOOCR_TEST_VLLM_PYTHON")
    python = Path(named) if named else _ROOT / ".venv-vllm" / "bin" / "python"
    return python if python.is_file() and shutil.which(python) else None


def checkpoint(python: Path) -> Path:
    """The folder of the checkpoint, in the interpreter's environment; made when it is absent."""
    digest = hashlib.sha256(_MAKER.read_bytes()).hexdigest()[:12]
    folder = python.parents[1] / f"scripted-{digest}"
    if not folder.is_dir():
        making = folder.with_suffix(".new")
        subprocess.run([python, _MAKER, making], check=True, capture_output=True, timeout=START_S)
        making.rename(folder)
    return folder


class RealVllm:
    """One server; `start` may be called again after `kill`."""

    def __init__(self, python: Path, folder: Path, *flags: str) -> None:
        """Take a port; nothing is started yet.

        Args:
            python: as `vllm_python` found it.
            folder: for its log.
            flags: further ones of vLLM.
        """
        self.port = free_port()
        self.log = folder / "vllm.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: tempfile.TemporaryDirectory[str] | None = None
        # The script `vllm` looks for a package of that name, which this one has not.
        self._command: list[str | Path] = [
            python,
            "-m",
            "vllm.entrypoints.openai.api_server",
            *("--model", checkpoint(python), "--served-model-name", MODEL),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--max-model-len", "2048", "--max-num-seqs", "8", "--dtype", "float32"),
            *("--enforce-eager", "--skip-mm-profiling"),
            *("--limit-mm-per-prompt", '{"image":1}'),
            *flags,
        ]

    @property
    def url(self) -> str:
        """Its address, as an operator writes it."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is well."""
        # Who is killed leaves his sockets where they are, and the name of a socket may not be long.
        self._sockets = tempfile.TemporaryDirectory(prefix="vllm-", ignore_cleanup_errors=True)
        places = {"TMPDIR": self._sockets.name, "VLLM_RPC_BASE_PATH": self._sockets.name}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=os.environ | _ENVIRONMENT | places,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its engine and its workers are processes too, which end with the group. They stay
                # in the session of the tests: a kernel that shares processors out among sessions
                # has left the tests without one for many seconds.
                process_group=0,
            )
        ends = time.monotonic() + START_S
        while not self._is_well():
            try:
                self._process.wait(0.5)
            except subprocess.TimeoutExpired:
                if time.monotonic() < ends:
                    continue
            told = self.log.read_text(encoding="utf-8", errors="replace")[-4000:]
            self.kill()
            raise RuntimeError(f"vLLM does not start:\n{told}")

    def stop(self) -> None:
        """End it in order, or by force when that takes too long."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        self.kill()

    def kill(self) -> None:
        """End all its processes at once, as the power does."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(END_S)
        self._process = None
        if self._sockets is not None:
            self._sockets.cleanup()

    def _is_well(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
