"""A model hub in a container: `python -m tests.deploy.hub FOLDER REPOSITORY [cut]`.

It serves the files of a folder as one repository, and tells its address in its first line. `cut`
breaks each large file off half way, and answers 503 to whoever comes back for the rest.

The gateway takes weights over plain HTTP from its own machine alone, so `models` shares the network
of this container.
"""

import signal
import sys
from pathlib import Path

from tests.fakes.hub_server import FakeHub, hub_server


def main(folder: Path, repository: str, manner: str = "") -> None:
    """Serve until the container ends; what was asked for of large files goes to the log."""
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    hub = FakeHub(repository=repository, files=files)
    if manner == "cut":
        hub.dies = True
        hub.cuts.update(path for path in files if hub.is_large(path))
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    with hub_server(hub):
        print(hub.url, flush=True)  # noqa: T201
        signal.sigwait([signal.SIGTERM])
        for path, asked, _ in hub.seen:
            print(path, asked, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
