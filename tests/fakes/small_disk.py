"""A disk with little room: a tmpfs in a mount namespace of its own, gone when the test ends."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["CannotMount", "SmallDisk", "small_disk"]

BLOCK_BYTES = 64 * 1024
_BALLAST = "ballast"
_HOLD = 'mount -t tmpfs -o "size=$2,mode=0700" maoocr "$1" && echo mounted && exec cat'


class CannotMount(Exception):
    """This machine lets nobody mount here; the message says what it said."""


class SmallDisk:
    """What fills it, and how others reach it.

    Attributes:
        folder: where it is mounted, for a process inside the namespace.
        root: the same folder as it is seen from outside.
        enter: begins the command of a process that is to run inside.
    """

    def __init__(self, folder: Path, holder: int) -> None:
        self.folder = folder
        self.root = Path(f"/proc/{holder}/root{folder}")
        namespaces = ["--mount"] if os.geteuid() == 0 else ["--mount", "--user"]
        keep = [] if os.geteuid() == 0 else ["--preserve-credentials"]
        self.enter = ["nsenter", "--target", str(holder), *namespaces, *keep]

    def fill(self, leave: int = 0) -> None:
        """Take all room but so many bytes, rounded down to whole pages of memory."""
        ballast = self.root / _BALLAST
        with ballast.open("ab", buffering=0) as file:
            block = b"\0" * BLOCK_BYTES
            while block:
                try:
                    if file.write(block) < len(block):
                        block = block[: len(block) // 2]
                except OSError:
                    block = block[: len(block) // 2]
        if leave:
            os.truncate(ballast, ballast.stat().st_size - leave)

    def empty(self) -> None:
        """Give the room back."""
        (self.root / _BALLAST).unlink(missing_ok=True)

    @property
    def files(self) -> list[str]:
        """Everything but folders and what fills it, by its path below the root."""
        found = (path for path in self.root.rglob("*") if not path.is_dir())
        return sorted(str(path.relative_to(self.root)) for path in found if path.name != _BALLAST)


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """Mount one over a folder, which is made.

    A process holds the namespace that it is mounted in, so nothing stays mounted, however the tests
    end. SQLite follows links to the end of the path and so must run inside; others need not.

    Raises:
        CannotMount: neither root nor a user namespace is to be had.
    """
    folder.mkdir(parents=True)
    unshare = shutil.which("unshare")
    if unshare is None:
        raise CannotMount("there is no `unshare`")
    ours = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = [unshare, "--mount", *ours, "sh", "-c", _HOLD, "sh", str(folder), str(size_bytes)]
    holder = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stderr is not None
    try:
        if holder.stdout.readline() != b"mounted\n":
            raise CannotMount(holder.stderr.read().decode().strip())
        yield SmallDisk(folder, holder.pid)
    finally:
        holder.stdin.close()
        holder.wait(60)
        holder.stdout.close()
        holder.stderr.close()
