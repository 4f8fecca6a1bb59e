"""The decoder's process as its parent sees it: started, asked, timed, killed."""

import fcntl
import mmap
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..errors import MaoOCRError
from . import wire
from .limits import DecodeLimits

__all__ = ["WALL_FACTOR", "DecoderChild", "child_environment"]

WALL_FACTOR = 2.0
"""A page may take this many times its processor time by the clock, on a busy machine."""

_START_S = 60.0
_ANSWER_S = 5.0
_CHECK_S = 0.1
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LANG")
_PACKAGE = __package__ or ""
_SOURCES = Path(__file__).resolve().parents[_PACKAGE.count(".") + 1]
_PROGRAM = (
    f"import sys; sys.path.insert(0, {str(_SOURCES)!r});"
    f" from {_PACKAGE}.decoder import main; main()"
)


@dataclass(slots=True)
class DecoderChild:
    """A running child.

    Attributes:
        process: the child itself.
        connection: our end of the socket.
        memory: where the child puts the pixels of a page; its size cannot be changed.
    """

    process: subprocess.Popen[bytes]
    connection: socket.socket
    memory: mmap.mmap

    @classmethod
    def start(cls, root: Path, limits: DecodeLimits) -> "DecoderChild":
        """Start a child for the documents at `root/sha256`, and wait until it can work.

        Raises:
            MaoOCRError: it does not start.
        """
        size = 3 * limits.max_image_pixels
        memory_fd = os.memfd_create("maoocr-page", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        ours, theirs = socket.socketpair()
        try:
            os.ftruncate(memory_fd, size)
            # The child could else shrink it and so crash whoever reads it.
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(memory_fd, fcntl.F_ADD_SEALS, seals)
            memory = mmap.mmap(memory_fd, size)
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, _start(root, limits, theirs, memory_fd)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), memory_fd),
                env=child_environment(),
                cwd="/",
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(memory_fd)
        child = cls(process, ours, memory)
        try:
            child._await_ready()
        except BaseException:
            child.stop()
            raise
        return child

    def has_ended(self) -> bool:
        """Whether the child died since it answered last."""
        return bool(select.select([self.connection], [], [], 0)[0])

    def exchange(
        self, request: wire.Request, seconds: float, checkpoint: Callable[[], None] | None
    ) -> wire.Reply:
        """Ask and wait for the answer.

        Raises:
            wire.Closed: the child died.
            TimeoutError: it used more processor time than that, or `WALL_FACTOR` times it by the
                clock.
        """
        cpu_end = self._cpu_s() + seconds
        end = time.monotonic() + seconds * WALL_FACTOR
        self.connection.settimeout(_ANSWER_S)
        wire.send(self.connection, wire.encode(request))
        while True:
            left = min(cpu_end - self._cpu_s(), end - time.monotonic())
            if left <= 0:
                raise TimeoutError
            wait = min(left, _CHECK_S) if checkpoint else left
            if select.select([self.connection], [], [], wait)[0]:
                break
            if checkpoint:
                checkpoint()
        try:
            return wire.decode_reply(wire.receive(self.connection))
        except msgspec.MsgspecError as error:
            raise wire.Closed from error

    def stop(self) -> None:
        """Kill the child and wait for it."""
        self.connection.close()
        self.process.kill()
        self.process.wait()
        self.memory.close()

    def _await_ready(self) -> None:
        self.connection.settimeout(_START_S)
        try:
            wire.decode_reply(wire.receive(self.connection))
        except (wire.Closed, TimeoutError) as error:
            raise MaoOCRError("The process that decodes documents does not start.") from error

    def _cpu_s(self) -> float:
        # The clock of another process's processor time, as clock_getcpuclockid(3) makes its id.
        try:
            return time.clock_gettime((~self.process.pid << 3) | 2)
        except OSError:
            return 0.0


def _start(root: Path, limits: DecodeLimits, connection: socket.socket, memory_fd: int) -> str:
    start = {
        "parent_pid": os.getpid(),
        "socket_fd": connection.fileno(),
        "memory_fd": memory_fd,
        "root": str(root),
        "limits": limits,
    }
    return msgspec.json.encode(start).decode()


def child_environment() -> dict[str, str]:
    """Next to nothing: passwords of the service stand in its environment."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    # One thread: each would reserve memory of its own, and there is no linear algebra to do.
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    # Pillow keeps so many blocks of 16 MiB for the next page.
    return kept | threads | {"PILLOW_BLOCKS_MAX": "2", "PYTHONUTF8": "1"}
