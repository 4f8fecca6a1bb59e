"""The Docker engine of this machine, and images that are there or are built."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import yaml

__all__ = ["NO_ENGINE", "ROOT", "Engine", "Images", "engine_answers"]

ROOT = Path(__file__).parents[2]
STANDINS = ROOT / "tests/deploy/standins/build"
NO_ENGINE = "No Docker engine answers here; scripts/docker-engine starts one."
BUILD_S = 900.0
COMMAND_S = 300.0


def engine_answers() -> bool:
    """Whether `docker` is there, may be used and has an engine with Compose behind it."""
    if shutil.which("docker") is None:
        return False
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        asked = subprocess.run(command, capture_output=True, timeout=60, check=False)
        if asked.returncode != 0:
            return False
    return True


class Engine:
    """Calls of `docker`, each with a limit on its time, and its words when it fails."""

    def __call__(
        self,
        *arguments: str,
        given: str | None = None,
        timeout_s: float = COMMAND_S,
        **environment: str,
    ) -> str:
        """Run `docker` with these arguments; returns what it printed.

        Args:
            given: What it reads from its standard input.
            timeout_s: After which the call is given up.
            environment: Variables besides those of the tests.

        Raises:
            RuntimeError: It failed; with everything that it said.
        """
        done = self.tried(*arguments, given=given, timeout_s=timeout_s, **environment)
        if done.returncode != 0:
            said = f"{done.stdout}\n{done.stderr}"
            raise RuntimeError(f"docker {' '.join(arguments)} ended {done.returncode}:\n{said}")
        return done.stdout

    def tried(
        self,
        *arguments: str,
        given: str | None = None,
        timeout_s: float = COMMAND_S,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """The same, where failing is an answer too."""
        return subprocess.run(
            ["docker", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def has_image(self, name: str) -> bool:
        """Whether this image is on this machine."""
        return self.tried("image", "inspect", name).returncode == 0

    def address(self, container: str, network: str) -> str:
        """The address of a container in one of its networks."""
        form = f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}'
        return self("inspect", "-f", form, container).strip()

    def remove(self, prefix: str) -> None:
        """Remove every container, network and volume whose name begins so."""
        kinds = {
            "container": ("ps", "-aq", "--filter", f"name=^{prefix}"),
            "network": ("network", "ls", "-q", "--filter", f"name=^{prefix}"),
            "volume": ("volume", "ls", "-q", "--filter", f"name=^{prefix}"),
        }
        for kind, listing in kinds.items():
            found = self(*listing).split()
            if found:
                options = ("-f", "-v") if kind == "container" else ()
                self(kind, "rm", *options, *found)


class Images:
    """Images by their official names: as they are on this machine, or stand-ins for them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, name: str) -> str:
        """The same name, once the image is there.

        Raises:
            RuntimeError: It is not there, and no stand-in could be built.
        """
        if not self._engine.has_image(name):
            _stand_in(name)
        return name

    def all(self) -> None:
        """See to every image of `docker-compose.yml` that has a stand-in."""
        _stand_in()

    def of(self, service: str) -> str:
        """The image of a service of `docker-compose.yml`, once it is there."""
        services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
        return self(_resolved(services[service]["image"]))


def _stand_in(*names: str) -> None:
    built = subprocess.run(
        [str(STANDINS), *names],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    if built.returncode != 0:
        raise RuntimeError(f"{built.stdout}\n{built.stderr}")


def _resolved(text: str) -> str:
    """A value of a Compose file with its variables, of which each has a default."""

    def value(found: re.Match[str]) -> str:
        return os.environ.get(found["name"]) or found["default"]

    found = 1
    while found:
        text, found = re.subn(r"\$\{(?P<name>\w+):-(?P<default>[^${}]*)\}", value, text)
    return text
