"""The program of a lane's process: one engine, one decoder, one batch at a time.

The main thread works; a second one listens, so that a cancel is heard in the middle of a page and
the end of the gateway ends the process at once.
"""

import logging
import os
import queue
import resource
import signal
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Never

from ..documents.confinement import die_with_parent, resident_bytes, trim
from ..documents.sandbox import Decoder
from ..engines.base import Engine
from ..engines.registry import build_engine
from ..errors import MaoOCRError
from .messages import (
    LENGTH,
    BatchDone,
    Cancel,
    FromLane,
    LogLine,
    ReadBatch,
    Ready,
    Share,
    Start,
    StartFailed,
    Stop,
    ToLane,
    frame,
    to_lane,
)
from .page_reader import Departures, PageReader, ThreadShare

__all__ = ["main"]

log = logging.getLogger("maoocr.lane")

NICENESS = 5
"""A third of the gateway's share of a core that both want."""

GROWN_BYTES = 16 << 20
"""By which a lane has to grow before its free memory is looked for, which takes a millisecond."""


def main(argv: list[str]) -> Never:
    """Run until the gateway says stop or goes away.

    Args:
        argv: `-c`, the descriptor of the socket, the gateway's process number, and more.
    """
    _be_a_child(int(argv[2]))
    line = _Line(socket.socket(fileno=int(argv[1])))
    logging.basicConfig(handlers=[_LineHandler(line)], level=logging.INFO)
    start = line.receive()
    if not isinstance(start, Start):
        raise SystemExit("The first frame must be the start.")
    _limit(start.memory_bytes)
    decoder = Decoder(Path(start.spool_root), start.limits)
    engine = _build(start, decoder, line)
    line.send(Ready(engine.info))
    _serve(line, PageReader(engine, decoder, start), start.rss_bytes)
    decoder.close()
    # Not sys.exit: runtimes with threads of their own have been seen to hang or crash in their
    # destructors, and there is nothing left to save.
    os._exit(0)


def _be_a_child(parent_pid: int) -> None:
    """Die with the gateway, leave Ctrl-C to it, and be the first whom the OOM killer takes."""
    die_with_parent(parent_pid)
    # Busy lanes take every core; who only asks whether the service lives must not wait for them.
    os.nice(NICENESS)
    # A service manager may send SIGTERM to all processes; pages in work are finished all the same.
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_bytes(b"500")


def _limit(memory_bytes: int) -> None:
    # RLIMIT_DATA counts what is written, not what is only reserved: inference runtimes reserve far
    # more address space than they use, and RLIMIT_AS would stop them at the start.
    for kind, value in ((resource.RLIMIT_DATA, memory_bytes), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))


def _build(start: Start, decoder: Decoder, line: "_Line") -> Engine:
    try:
        engine = build_engine(start.spec)
        # Now and not with the first page, whose time is counted.
        decoder.start()
        return engine
    except MaoOCRError as error:
        line.send(StartFailed(error.code, error.message))
    except Exception as error:
        log.exception("the engine %s could not be built", start.spec.name)
        line.send(StartFailed("", f"{type(error).__name__}: {error}"[:500]))
    os._exit(1)


def _serve(line: "_Line", reader: PageReader, rss_limit: int) -> None:
    inbox: queue.SimpleQueue[ReadBatch | Stop] = queue.SimpleQueue()
    departures = Departures()
    heard = (line, inbox, departures, reader.share)
    threading.Thread(target=_listen, args=heard, daemon=True).start()
    trimmed = 0
    while isinstance(batch := inbox.get(), ReadBatch):
        wants_replacing = reader.read(batch, departures, line.send)
        if (resident := resident_bytes()) > min(rss_limit, trimmed + GROWN_BYTES):
            trim()
            resident = trimmed = resident_bytes()
        line.send(BatchDone(batch.batch, resident, "memory" if wants_replacing else None))


def _listen(
    line: "_Line",
    inbox: "queue.SimpleQueue[ReadBatch | Stop]",
    departures: Departures,
    share: ThreadShare,
) -> None:
    try:
        while (message := line.receive()) is not None:
            match message:
                case Cancel():
                    departures.add(message.batch, message.index)
                case Share():
                    share.threads = message.threads
                case ReadBatch() | Stop():
                    inbox.put(message)
                case Start():
                    break
    finally:
        # The gateway is gone: nobody waits for anything, and the decoder must not outlive us.
        os.killpg(os.getpgrp(), signal.SIGKILL)


class _Line:
    """The socket, blocking; frames as in `messages`."""

    def __init__(self, connection: socket.socket) -> None:
        connection.set_inheritable(False)
        self._socket = connection
        self._sending = threading.Lock()

    def send(self, message: FromLane) -> None:
        with self._sending:
            self._socket.sendall(frame(message))

    def receive(self) -> ToLane | None:
        """The next message; None at the end of the line."""
        head = self._exactly(LENGTH.size)
        body = self._exactly(LENGTH.unpack(head)[0]) if head is not None else None
        return to_lane.decode(body) if body is not None else None

    def _exactly(self, size: int) -> bytes | None:
        parts = []
        while size:
            try:
                part = self._socket.recv(min(size, 1 << 20))
            except OSError:
                return None
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


class _LineHandler(logging.Handler):
    """Sends what is logged to the gateway."""

    def __init__(self, line: _Line) -> None:
        super().__init__()
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            request_id = getattr(record, "request_id", None)
            self._line.send(LogLine(record.levelno, self.format(record), request_id))
