"""One gateway with nothing beside it: no network, no privileges, a read-only disk."""

import json
from pathlib import Path
from typing import Any

from tests.deploy.engine import Engine
from tests.integration.start_stop.waiting import wait_for

__all__ = ["HARDENED", "SingleGateway"]

HARDENED = (
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges", "--network", "none"),
)
HEALTHY_S = 120.0
PROCESSES = """
import json, os
found = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        at = f"/proc/{pid}"
        command = open(f"{at}/cmdline").read().split("\\0")
        status = dict(line.split(":\\t", 1) for line in open(f"{at}/status") if ":\\t" in line)
        limits = open(f"{at}/limits").read()
    except OSError:
        continue
    status = {name: value.strip() for name, value in status.items()}
    found.append({"pid": int(pid), "command": command, "status": status, "limits": limits})
print(json.dumps(found))
"""
"""All processes of the container, in the words of its own Python."""


class SingleGateway:
    """A container of the gateway with a key made before its start."""

    def __init__(self, engine: Engine, image: str, prefix: str, documents: Path) -> None:
        self.name = f"{prefix}-gateway"
        self._engine = engine
        self._state = ("-v", f"{prefix}-state:/var/lib/maoocr")
        self._image = image
        self._key = ""
        # The tables come first, and on a busy machine the command does not wait for them.
        wait_for(self._has_key, seconds=HEALTHY_S)
        documents.chmod(0o755)
        engine(
            *("run", "-d", "--name", self.name, *HARDENED, *self._state),
            *("-v", f"{documents}:/documents:ro", image),
        )

    def _has_key(self) -> bool:
        command = ("maoocr", "keys", "create", "the tests")
        made = self._engine.tried("run", "--rm", *HARDENED, *self._state, self._image, *command)
        self._key = made.stdout.strip()
        return made.returncode == 0

    @property
    def health(self) -> str:
        """What the engine says of its health."""
        return self._engine("inspect", "-f", "{{.State.Health.Status}}", self.name).strip()

    def wait_until_healthy(self) -> None:
        """Return once its HEALTHCHECK says so."""
        wait_for(lambda: self.health == "healthy", seconds=HEALTHY_S)

    def inside(self, *command: str) -> str:
        """What a command in the container prints."""
        return self._engine("exec", "-e", f"MAOOCR_API_KEY={self._key}", self.name, *command)

    def recognize(self, document: str) -> dict[str, Any]:
        """The answer for a file of the folder of documents, from the running server."""
        server = ("--server", "http://127.0.0.1:8000", "--format", "json")
        answer = self.inside("maoocr", "recognize", f"/documents/{document}", *server)
        return dict(json.loads(answer))

    def processes(self, part: str) -> list[dict[str, Any]]:
        """The processes in it whose command line has this part."""
        found = json.loads(self.inside("python", "-c", PROCESSES))
        return [it for it in found if any(part in argument for argument in it["command"])]

    def workers(self) -> set[int]:
        """The gateway processes: children of the one that gunicorn began with."""
        servers = self.processes("gunicorn")
        masters = {it["pid"] for it in servers if it["status"]["PPid"] == "1"}
        return {it["pid"] for it in servers if int(it["status"]["PPid"]) in masters}

    def log(self) -> str:
        """Everything that it said."""
        done = self._engine.tried("logs", self.name)
        return done.stdout + done.stderr
