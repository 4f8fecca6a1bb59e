"""gunicorn over the gateway: `gunicorn --config configs/gunicorn.py`.

Everything that a person may want to change is a setting of MaoOCR (docs/configuration.md); this
file only translates. gunicorn loads it once in the master, and once more on SIGHUP.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from uvicorn_worker import UvicornWorker

_SOURCE = Path(__file__).resolve().parents[1] / "src"
if _SOURCE.is_dir():
    sys.path.insert(0, str(_SOURCE))

from maoocr.settings import Settings  # noqa: E402
from maoocr.web.server import listeners, settle_memory, uvicorn_options  # noqa: E402

_settings = Settings()
_grace_s = _settings.server.grace_s

# The workers load the package themselves, so that a worker that starts later runs the code of then.
for _name in [name for name in sys.modules if name.split(".")[0] == "maoocr"]:
    del sys.modules[_name]


_PR_SET_PDEATHSIG = 1
"""prctl(2)"""


class GatewayWorker(UvicornWorker):  # type: ignore[misc]
    """Waits for what is in flight no longer than the grace time, then ends the app in order."""

    CONFIG_KWARGS = {  # noqa: RUF012
        **UvicornWorker.CONFIG_KWARGS,
        **uvicorn_options(_settings.limits.max_body_bytes),
        "timeout_graceful_shutdown": max(1, round(_grace_s)),
    }

    def handle_exit(self, sig: int, frame: Any) -> None:
        """On SIGQUIT, which the master sends when it got SIGINT; uvicorn itself knows SIGTERM."""
        super().handle_exit(sig, frame)
        os.kill(os.getpid(), signal.SIGTERM)


wsgi_app = "maoocr.api:app"
bind = f"[{_settings.server.host}]" if ":" in _settings.server.host else _settings.server.host
bind = f"{bind}:{_settings.server.port}"
workers = _settings.web_concurrency
worker_class = GatewayWorker
preload_app = False
loglevel = "info"

# The app has its own end after the requests had theirs: lanes, spool, logs.
graceful_timeout = round(_grace_s) + 15
# A worker reports as long as its event loop turns. One that is silent for so long hangs.
timeout = 60
keepalive = 75
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# Several servers of one user would share one control socket.
control_socket_disable = True


def _metrics_dir() -> str | None:
    """A fresh folder in which the workers merge their metrics; the same again on SIGHUP."""
    if workers == 1:
        return None
    prefix = f"maoocr-metrics-{os.getpid()}-"
    known = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    return known if prefix in known else tempfile.mkdtemp(prefix=prefix)


_metrics = _metrics_dir()
os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
if _metrics:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _metrics


def on_starting(server: Any) -> None:
    """Do not listen for all the world without an API key; see docs/operations.md."""
    if _settings.server.host in {"127.0.0.1", "::1", "localhost"}:
        return
    # In a process of its own: the database's libraries would stay in the master.
    path = os.pathsep.join(filter(None, (str(_SOURCE), os.environ.get("PYTHONPATH"))))
    asked = subprocess.run(
        [sys.executable, "-c", "from maoocr.cli import exposure; exposure.refuse_exposure()"],
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )
    if asked.returncode:
        sys.exit(asked.returncode)


def post_fork(server: Any, worker: Any) -> None:
    """Let a worker end in order when its master is killed, or nobody would ever end it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != server.pid:
        os._exit(1)


def post_worker_init(worker: Any) -> None:
    """Once the app is loaded."""
    worker.sockets = listeners(worker.sockets)
    settle_memory()


def child_exit(server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that ended; its counters stay."""
    if _metrics:
        # Not at the top: on import it decides, for the workers too, where values are kept.
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid, _metrics)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """Leave nothing behind."""
    if _metrics:
        shutil.rmtree(_metrics, ignore_errors=True)


def worker_int(worker: Any) -> None:
    """With --reload: end the worker in order; the reloader itself only ends its own thread."""
    os.kill(worker.pid, signal.SIGTERM)
