"""A folder that looks like a clone, and the server that may have been started in it."""

import os
import re
import subprocess
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
COPIED = ("start.sh", "stop.sh", "scripts", "configs", "migrations", "requirements.prod.txt")
LINKED = ("src", "docs", ".venv")


@dataclass
class Checkout:
    """A folder with the scripts in it, and the server that may have been started there."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environ(**environment),
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def environ(self, **environment: str) -> dict[str, str]:
        return {**os.environ, "MAOOCR_POOL__LANES": "1", **self.environment, **environment}

    def start(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("./start.sh", "--port", "0", *options, **environment)

    def started(self, *options: str, **environment: str) -> str:
        """Start, and the address that was printed."""
        answer = self.start(*options, **environment)
        assert answer.returncode == 0, answer.stderr
        return address_in(answer.stdout)

    def stop(self) -> subprocess.CompletedProcess[str]:
        return self.run("./stop.sh")

    def remembered(self) -> dict[str, str]:
        lines = (self.root / "run/server").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def pid(self) -> int:
        return int(self.remembered()["pid"])


def address_in(output: str) -> str:
    found = re.search(r"http://[\w.:\[\]-]+:\d+", output)
    assert found, output
    return found.group()


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
