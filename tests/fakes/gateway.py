"""A gateway in a process of its own, with the fake engine in real lanes: one of several."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["GatewayProcess"]

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0


class GatewayProcess:
    """Starts with the object; `end` or `kill` ends it."""

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        enter: Sequence[str] = (),
        beside: Sequence[str] = (),
        /,
        **engine: object,
    ) -> None:
        """Start it; `url` tells where it listens.

        Args:
            folder: for its spool and its state.
            environment: settings, by the names of the environment.
            enter: begins the command that starts it, as `nsenter` does.
            beside: names of more engines of the same kind, with one lane each.
            engine: options of the fake engine.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAOOCR_")}
        settings = {
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "MAOOCR_ENGINE": "fake",
            "MAOOCR_POOL__LANES": "1",
            "MAOOCR_SPOOL__DIR": str(folder / "spool"),
            "MAOOCR_STATE_DIR": str(folder / "state"),
        }
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        descriptor = self._listener.fileno()
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log"
        with self.log.open("wb") as log:
            ours = [
                sys.executable,
                "-m",
                "tests.fakes.gateway",
                str(descriptor),
                json.dumps(engine),
                *beside,
            ]
            self._process = subprocess.Popen(
                [*enter, *ours],
                cwd=folder,
                env=kept | settings | environment,
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        # Its own copy is enough: a connection to a killed one must be refused, not wait.
        self._listener.close()

    def kill(self) -> None:
        """End it as the power does."""
        self._process.kill()
        self._process.wait(START_S)

    def end(self) -> None:
        """End it in order."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(START_S)
            except subprocess.TimeoutExpired:
                self.kill()


def _main() -> None:
    import uvicorn

    from maoocr.bootstrap import create_app
    from maoocr.engines.base import EngineSpec
    from maoocr.settings import Settings
    from maoocr.web.server import listeners, uvicorn_options

    listener = socket.socket(fileno=int(sys.argv[1]))
    options = json.loads(sys.argv[2])
    engine = EngineSpec("fake", ".fake:FakeEngine", options)
    beside = [EngineSpec(name, engine.factory, options, lanes=1) for name in sys.argv[3:]]
    settings = Settings(_env_file=None)
    app = create_app(settings, [engine, *beside])
    served = uvicorn_options(settings.limits.max_body_bytes)
    config = uvicorn.Config(app, log_config=None, **served)
    uvicorn.Server(config).run(sockets=listeners([listener]))


if __name__ == "__main__":
    _main()
