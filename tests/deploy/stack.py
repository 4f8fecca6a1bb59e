"""The whole deployment, started by `./docker-start.sh` in a checkout of its own."""

import os
import re
import resource
import shutil
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.deploy.engine import ROOT, Engine
from tests.house.checkout import project_files
from tests.servers import free_port

__all__ = ["HEALTHY_S", "Container", "Stack"]

SCRIPT_S = 600.0
HEALTHY_S = 30.0
POLL_S = 0.25
MOST_FILES = 16384
LEFT_OUT = ("tests", "bench", ".ci")
PS = '{{.ID}}\t{{.Names}}\t{{.Label "com.docker.compose.service"}}\t{{.State}}\t{{.Status}}'
METRICS = (
    "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/metrics').read().decode())"
)


@dataclass(frozen=True)
class Container:
    """One container of the stack, as it is now."""

    id: str
    name: str
    service: str
    state: str
    status: str

    @property
    def is_well(self) -> bool:
        """It runs, and is healthy where it has a way to tell."""
        return self.state == "running" and "starting" not in self.status and not self.is_ill

    @property
    def is_ill(self) -> bool:
        """It runs and says that it is not healthy."""
        return "unhealthy" in self.status

    @property
    def is_done(self) -> bool:
        """It had one thing to do and did it."""
        return self.status.startswith("Exited (0)")


class Stack:
    """A copy of this checkout with a project, ports and secrets of its own."""

    def __init__(self, engine: Engine, folder: Path, project: str) -> None:
        self.engine = engine
        self.folder = folder
        self.project = project
        self.http_port, self.https_port, self.operator_port = (free_port() for _ in range(3))
        self.environment = {
            "COMPOSE_PROJECT_NAME": project,
            "PUBLIC_ADDRESS": "127.0.0.1",
            "HTTP_PORT": str(self.http_port),
            "HTTPS_PORT": str(self.https_port),
            "OPERATOR_PORT": str(self.operator_port),
            "MAOOCR_VERSION": "tests",
            "NOFILE_LIMIT": str(_files_allowed()),
            # All callers of a test have one address.
            "RATE_PER_ADDRESS": "1000",
        }
        self.key = ""
        self.said = ""
        self.started_in_s = 0.0
        _copy_checkout(folder)

    # As an operator

    def run(self, *command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run something in the checkout, as an operator does."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self.environment},
            input=given,
            capture_output=True,
            text=True,
            timeout=SCRIPT_S,
            check=False,
        )

    def did(self, *command: str, given: str = "") -> str:
        """The same, where it must not fail; what it printed."""
        done = self.run(*command, given=given)
        assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """The same while it goes on; what it says, on either way, is its standard output."""
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            yield process

    def start(self, *options: str) -> str:
        """`./docker-start.sh`; returns what it printed and remembers the key that it made."""
        began = time.monotonic()
        said = self.did("./docker-start.sh", *options)
        self.started_in_s = time.monotonic() - began
        found = re.search(r"\bmao_[\w-]+", said)
        if found:
            self.key = found[0]
        return said

    @property
    def without_watchers(self) -> list[str]:
        """Options of `./docker-start.sh` that leave out all that only watches."""
        script = (self.folder / "scripts/docker.bash").read_text()
        (watchers,) = re.findall(r'OPTIONAL="(.*)"', script)
        return [word for service in watchers.split() for word in ("--without", service)]

    def compose(self, *arguments: str) -> str:
        """`docker compose …` over the files of this stack."""
        return self.did("docker", "compose", *arguments)

    def scale(self, gateways: int) -> None:
        """So many gateways."""
        if len(self.containers("gateway")) != gateways:
            self.start("--scale", str(gateways))

    def roll(self) -> None:
        """New gateways in the place of all that run, one after the other."""
        self.did("scripts/rollout", "--again")

    def remove(self) -> None:
        """Take everything away, whatever state it is in."""
        self.engine.remove(f"{self.project}[-_]")

    # What Docker sees

    def containers(self, *services: str) -> list[Container]:
        """The containers of these services, or of all, but for those that are done."""
        mine = f"label=com.docker.compose.project={self.project}"
        listed = self.engine("ps", "-a", "--filter", mine, "--format", PS).splitlines()
        found = [Container(*line.split("\t")) for line in listed]
        return sorted(
            (c for c in found if not c.is_done and (not services or c.service in services)),
            key=lambda container: container.name,
        )

    def unwell(self) -> list[Container]:
        """The containers that are not up and healthy."""
        return [container for container in self.containers() if not container.is_well]

    def restarts(self, container: Container) -> int:
        """How often Docker started it again."""
        return int(self.engine("inspect", "-f", "{{.RestartCount}}", container.id))

    def kill(self, container: Container) -> None:
        """`kill -9` of the process that the container lives by: a crash, which Docker heals.

        `docker kill` will not do: Docker takes it for the wish that it be stopped.
        """
        pid = int(self.engine("inspect", "-f", "{{.State.Pid}}", container.id))
        assert pid > 1
        os.kill(pid, signal.SIGKILL)

    def inside(self, container: Container, *command: str) -> subprocess.CompletedProcess[str]:
        """Run something in a container."""
        return self.engine.tried("exec", container.id, *command)

    def query(self, statement: str) -> str:
        """What Postgres answers, a row a line."""
        (postgres,) = self.containers("postgres")
        psql = ("psql", "-U", "maoocr", "-d", "maoocr", "-At", "-c", statement)
        done = self.inside(postgres, *psql)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def metric(self, container: Container, name: str) -> float:
        """The sum of a metric over all its labels, from a gateway that is asked inside."""
        told = self.inside(container, "python", "-c", METRICS).stdout
        lines = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", told, re.MULTILINE)
        return sum(map(float, lines))

    def pages_by_gateway(self) -> dict[str, float]:
        """How many pages each of them has read."""
        gateways = self.containers("gateway")
        return {gateway.name: self.metric(gateway, "maoocr_pages_total") for gateway in gateways}

    # What the public sees

    @property
    def url(self) -> str:
        """Where the public finds it."""
        return f"https://localhost:{self.https_port}"

    def trust(self) -> ssl.SSLContext:
        """Of the certificate that this stack made for itself, and of no other."""
        (nginx,) = self.containers("nginx")
        certificate = self.inside(nginx, "cat", "/certificates/tls.crt").stdout
        return ssl.create_default_context(cadata=certificate)

    def client(self, timeout_s: float = 60.0, kept: int | None = None) -> httpx.Client:
        """A caller from outside, over TLS, with the key; `kept` are the connections it keeps."""
        return httpx.Client(
            base_url=self.url,
            verify=self.trust(),
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=timeout_s,
            limits=httpx.Limits(max_keepalive_connections=kept),
        )

    # Waiting

    def wait_until_restarted(self, container: Container, times: int) -> None:
        """Until Docker has started it again so often."""
        _wait(lambda: self.restarts(container) >= times, "started again")

    def wait_until_well(self, limit_s: float = HEALTHY_S) -> None:
        """Until all containers are healthy and the public is told that the service is ready."""
        with self.client(5) as client:

            def is_well() -> bool:
                try:
                    return client.get("/readyz").status_code == 200 and not self.unwell()
                except httpx.HTTPError:
                    return False

            _wait(is_well, "all well", limit_s)

    def wait_until_journal_is_empty(self) -> None:
        """Until what was answered while the database was away is in it."""
        _wait(
            lambda: (
                not any(
                    self.metric(gateway, "maoocr_history_journal_rows")
                    for gateway in self.containers("gateway")
                )
            ),
            "the journal empty",
        )


def _wait(condition: Callable[[], bool], what: str, limit_s: float = 60.0) -> None:
    ends = time.monotonic() + limit_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < ends, f"not {what} within {limit_s:.0f} s"
        pause.wait(POLL_S)


def _files_allowed() -> int:
    """How many open files containers may be promised on this machine."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)


def _copy_checkout(folder: Path) -> None:
    for source in project_files():
        below = source.relative_to(ROOT)
        if below.parts[0] not in LEFT_OUT:
            (folder / below).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / below)
