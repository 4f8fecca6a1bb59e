"""The client of the decoder child: pages out of documents, whatever is in them.

A document that crashes, fills the memory or burns the time of its decoder ends that child process
(about 60 MB), and the page fails with `PageTooComplex`; the next page gets a new child.
"""

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
from types import TracebackType

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..domain import OcrOptions, TextLine
from ..errors import MaoOCRError, PageTooComplex
from . import wire
from .kinds import Kind
from .limits import DECODE_SECONDS, DECODER_MEMORY, DecodeLimits

__all__ = ["DecodedPage", "Decoder", "PageImage", "Probe"]

PageImage = NDArray[np.uint8]
"""RGB, shape (H, W, 3), EXIF orientation already applied, read-only."""

WALL_FACTOR = 2.0
"""A page may take this many times its processor time by the clock, on a busy machine."""

_START_S = 60.0
_ANSWER_S = 5.0
_CHECK_S = 0.1
_KEEP_BYTES = 32 * 1024 * 1024
"""Shared memory above this size is given back after the page that needed it."""

_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LANG")
_PACKAGE = __package__ or ""
_SOURCES = Path(__file__).resolve().parents[_PACKAGE.count(".") + 1]
_PROGRAM = (
    f"import sys; sys.path.insert(0, {str(_SOURCES)!r});"
    f" from {_PACKAGE}.decoder import main; main()"
)


@dataclass(frozen=True, slots=True)
class Probe:
    """What the header of a document says."""

    pages_total: int


@dataclass(frozen=True, slots=True)
class DecodedPage:
    """One page, upright by its EXIF orientation or /Rotate.

    Attributes:
        width: of the page in pixels, before it was scaled down to what an engine is given.
        height: likewise.
        scale: pixels of `image` per pixel of the page, at most 1.
        image: the picture to read; None where `layer` is set.
        layer: the page's own text, in pixels of the page; None where there is a picture to read.
            An empty tuple is a page whose layer holds no text.
        decode_s: how long all this took.
    """

    width: int
    height: int
    scale: float
    image: PageImage | None
    layer: tuple[TextLine, ...] | None
    decode_s: float


class Decoder:
    """One child that decodes, started at first use and again after it died.

    For one thread at a time. The kernel kills the child when the thread that started it ends, so a
    thread that lives as long as the decoder should use it first.
    """

    def __init__(self, root: Path, limits: DecodeLimits) -> None:
        """Make a decoder of the documents at `root/sha256`; nothing is started yet."""
        self._root = root.absolute()
        self._limits = limits
        self._child: _Child | None = None

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Of the child; None while there is none."""
        return self._child.process.pid if self._child else None

    def start(self) -> None:
        """Start the child now (about 0.3 s) and not with the first page.

        Raises:
            MaoOCRError: it does not start.
        """
        if self._child is not None and self._child.has_ended():
            self._stop()
        if self._child is None:
            self._child = _Child.start(self._root, self._limits)

    def close(self) -> None:
        """End the child and wait until it is gone. Idempotent; a later call starts a new one."""
        self._stop()

    def probe(self, sha256: str, kind: Kind) -> Probe:
        """Read the header of a document.

        Raises:
            TooLarge: its only page is too large.
            PasswordProtected: it does not open without a password.
            UnreadableDocument: it is broken.
            PageTooComplex: reading it takes too long or too much memory, or crashes the decoder.
        """
        reply = self._ask(wire.ProbeRequest(sha256, kind.name), "Opening this document", None)
        if not isinstance(reply, wire.Probed):
            raise self._nonsense()
        if reply.last:
            self._stop()
        return Probe(reply.pages_total)

    def page(
        self,
        sha256: str,
        kind: Kind,
        number: int,
        options: OcrOptions,
        checkpoint: Callable[[], None] | None = None,
    ) -> DecodedPage:
        """Decode one page, numbered from 1.

        Args:
            sha256: the document, which lies at `root/sha256`.
            kind: as sniffed.
            number: of the page.
            options: `words`, `pdf_text` and `dpi` matter.
            checkpoint: called about ten times a second while the child works; what it raises ends
                the work and is passed on.

        Raises:
            TooLarge: the page is too large as stored.
            PasswordProtected: the document does not open without a password.
            UnreadableDocument: it is broken.
            PageTooComplex: the page takes too long or too much memory, or crashes the decoder.
            InvalidRequest: there is no such page.
        """
        started = time.monotonic()
        request = wire.PageRequest(
            sha256, kind.name, number, options.words, options.pdf_text, options.dpi
        )
        reply = self._ask(request, "Decoding this page", checkpoint)
        if isinstance(reply, wire.Layer):
            image, layer, scale = None, reply.lines, 1.0
        elif isinstance(reply, wire.Picture):
            image, layer, scale = self._pixels(reply), None, reply.scale
        else:
            raise self._nonsense()
        if reply.last:
            self._stop()
        return DecodedPage(
            reply.page_width,
            reply.page_height,
            scale,
            image,
            layer,
            time.monotonic() - started,
        )

    def _ask(
        self, request: wire.Request, doing: str, checkpoint: Callable[[], None] | None
    ) -> wire.Reply:
        self.start()
        child = self._child
        assert child is not None
        try:
            reply = child.exchange(request, self._limits.decode_seconds, checkpoint)
        except wire.Closed:
            self._stop()
            raise PageTooComplex(
                f"{doing} ended its decoder: it takes more than {self._limits.memory_bytes} bytes"
                f" of memory ({DECODER_MEMORY}), or the file is made to do harm."
            ) from None
        except TimeoutError:
            self._stop()
            raise PageTooComplex(
                f"{doing} takes longer than {self._limits.decode_seconds:g} seconds"
                f" ({DECODE_SECONDS})."
            ) from None
        except BaseException:
            # The child is in the middle of something, or talks nonsense.
            self._stop()
            raise
        if isinstance(reply, wire.Failed):
            if reply.last:
                self._stop()
            raise reply.error()
        return reply

    def _pixels(self, reply: wire.Picture) -> PageImage:
        assert self._child is not None
        size = 3 * reply.width * reply.height
        sane = (
            0 < reply.scale <= 1
            and min(reply.width, reply.height, reply.page_width, reply.page_height) > 0
        )
        if not sane or size > len(self._child.memory):
            raise self._nonsense()
        pixels: PageImage = np.empty((reply.height, reply.width, 3), dtype=np.uint8)
        pixels.reshape(-1)[:] = np.frombuffer(self._child.memory, dtype=np.uint8, count=size)
        pixels.flags.writeable = False
        if size > _KEEP_BYTES:
            self._child.memory.madvise(mmap.MADV_REMOVE)
        return pixels

    def _nonsense(self) -> MaoOCRError:
        self._stop()
        return PageTooComplex("The decoder gave no sensible answer: the file is made to do harm.")

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.stop()


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    connection: socket.socket
    memory: mmap.mmap

    @classmethod
    def start(cls, root: Path, limits: DecodeLimits) -> "_Child":
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
                env=_environment(),
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


def _environment() -> dict[str, str]:
    """Next to nothing: passwords of the service stand in its environment."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    # One thread: each would reserve memory of its own, and there is no linear algebra to do.
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
