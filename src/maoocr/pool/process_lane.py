"""A lane that is a child process, spoken to over a socket pair."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..domain import PageResult
from ..engines.base import EngineInfo
from ..errors import MaoOCRError, error_from_code
from .lanes import LaneEnd, LaneLost, LaneNotStarted, LaneVitals, OnPage
from .messages import (
    LENGTH,
    MAX_FRAME_BYTES,
    BatchDone,
    Cancel,
    FromLane,
    LogLine,
    PageDone,
    PageWork,
    ReadBatch,
    Ready,
    Share,
    Start,
    StartFailed,
    Stop,
    ToLane,
    frame,
    from_lane,
)
from .tickets import PageTask

__all__ = ["ProcessLane"]

log = logging.getLogger(__name__)

STDERR = 2
MAX_LOG_CHARACTERS = 4000
STOP_SECONDS = 2.0
"""What a lane may take to end in order; it has nothing to save."""

# The child takes the parent's import path as it is: the package may have been found as `maoocr` or
# as `src.maoocr`, from a wheel, a checkout or a test's own path.
_BOOT = (
    "import sys; sys.path[:] = sys.argv[3].split(chr(0x1f));"
    " import importlib; importlib.import_module(sys.argv[4]).main(sys.argv)"
)
_ENVIRONMENT = (
    "PATH HOME USER TMPDIR TZ LANG LANGUAGE LC_ LD_ PYTHON VIRTUAL_ENV MALLOC_ OMP_"
    " KMP_ OPENBLAS_ MKL_ DNNL_ ONEDNN_ OV_ OPENVINO_ ORT_ CUDA_ NVIDIA_ COVERAGE_ XDG_CACHE_HOME"
)


class ProcessLane:
    """One child process with an engine and a decoder; see `Lane` for what it promises."""

    def __init__(self, process: subprocess.Popen[bytes], name: str) -> None:
        self.name = name
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[Ready] = self._loop.create_future()
        self._gone: asyncio.Future[LaneEnd] = self._loop.create_future()
        self._done: asyncio.Future[LaneVitals] | None = None
        self._on_page: OnPage | None = None
        self._open: set[int] = set()
        self._batch = 0
        self._end: LaneEnd | None = None
        self._oom_kills = _oom_kills()
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._force: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls, start: Start, name: str, *, timeout_s: float) -> "ProcessLane":
        """Start the process and wait until its engine is warm.

        Raises:
            LaneNotStarted: the engine raised, the process died, or the time was up.
        """
        ours, theirs = socket.socketpair()
        try:
            lane = cls(_spawn(theirs.fileno()), name)
        except OSError as error:
            ours.close()
            raise LaneNotStarted(
                f"no process: {error}", reason="A process could not be started."
            ) from error
        finally:
            theirs.close()
        try:
            await lane._open_line(ours, start)
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(lane._ready)
        except TimeoutError:
            await lane._abandon()
            text = f"It did not load within {timeout_s:g} s (MAOOCR_POOL__START_SECONDS)."
            raise LaneNotStarted(text, reason=text) from None
        except BaseException:
            await lane._abandon()
            raise
        return lane

    async def _open_line(self, ours: socket.socket, start: Start) -> None:
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        self._task = asyncio.create_task(self._listen(reader), name=f"lane {self.name}")
        self._send(start)

    async def _abandon(self) -> None:
        self.kill("closed")
        if self._task is None:
            self._process.wait()
        else:
            await asyncio.shield(self._gone)
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()

    @property
    def info(self) -> EngineInfo:
        """Of the loaded engine."""
        return self._ready.result().info

    @property
    def pid(self) -> int:
        """Of the process, which leads a process group of its own."""
        return self._process.pid

    def share(self, threads: int) -> None:
        """Tell the process how many threads it may use."""
        self._send(Share(threads))

    async def read(self, tasks: Sequence[PageTask], on_page: OnPage) -> LaneVitals:
        """Read a batch; see `Lane`."""
        if self._end is not None or self._gone.done():
            end = await self.gone()
            raise LaneLost(end, is_suspect=False)
        self._batch += 1
        self._on_page = on_page
        self._open = set(range(len(tasks)))
        self._done = self._loop.create_future()
        pages = tuple(PageWork(t.document, t.kind, t.page, t.options, t.request_id) for t in tasks)
        self._send(ReadBatch(self._batch, pages))
        try:
            return await self._done
        finally:
            self._on_page = self._done = None

    def cancel(self, index: int) -> None:
        """Tell the process that nobody waits for that page."""
        if self._done is not None:
            self._send(Cancel(self._batch, index))

    def stop(self, end: LaneEnd) -> None:
        """Ask the process to end; kill it when it does not."""
        if self._end is None and not self._gone.done():
            self._end = end
            self._send(Stop())
            self._force = self._loop.call_later(STOP_SECONDS, self._kill_group)

    def kill(self, end: LaneEnd) -> None:
        """Kill the process with everything that it started."""
        if self._end is None:
            self._end = end
        self._kill_group()

    async def gone(self) -> LaneEnd:
        """Wait until the process is reaped."""
        return await asyncio.shield(self._gone)

    def _kill_group(self) -> None:
        # The number belongs to this process until it is reaped, so it cannot hit a stranger.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _send(self, message: ToLane) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(frame(message))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                size = LENGTH.unpack(await reader.readexactly(LENGTH.size))[0]
                if size > MAX_FRAME_BYTES:
                    raise ValueError(f"a frame of {size} bytes")
                self._hear(from_lane.decode(await reader.readexactly(size)))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Exception as error:
            # Whatever it is, it came of what the process sent: no other lane must suffer from it.
            log.error("lane %s breaks the protocol and is killed", self.name, exc_info=error)
            self.kill("crash")
        finally:
            await self._reap()

    def _hear(self, message: FromLane) -> None:
        match message:
            case LogLine():
                _log(self.name, message)
            case Ready():
                self._ready.set_result(message)
            case StartFailed():
                self._ready.set_exception(_not_started(message))
            case _ if message.batch != self._batch or self._on_page is None:
                raise ValueError("an answer that was not asked for")
            case PageDone():
                self._open.remove(message.index)
                self._on_page(message.index, _outcome(message))
            case BatchDone():
                if self._open:
                    raise ValueError("a batch that ended before its pages")
                vitals = LaneVitals(message.rss_bytes, message.wants_replacing)
                if self._done is not None and not self._done.done():
                    self._done.set_result(vitals)

    async def _reap(self) -> None:
        """Wait for the process's end; it has closed its socket, so that is near."""
        leader = asyncio.ensure_future(asyncio.to_thread(_await_exit, self._process.pid))
        await asyncio.wait({leader}, timeout=STOP_SECONDS)
        self._kill_group()
        await leader
        code = self._process.wait()
        if self._writer is not None:
            self._writer.close()
        if self._force is not None:
            self._force.cancel()
        signals = {-signal.SIGKILL, -signal.SIGTERM}
        end = self._end or ("killed" if code in signals else "crash")
        self._end = end
        if end in {"killed", "crash"}:
            log.warning("lane %s (process %d) ended with code %d", self.name, self.pid, code)
        suspect = end in {"crash", "hang"} or (end == "killed" and _oom_kills() > self._oom_kills)
        if self._done is not None and not self._done.done():
            self._done.set_exception(LaneLost(end, is_suspect=suspect))
        if not self._ready.done():
            text = f"its process ended with code {code} while it loaded"
            self._ready.set_exception(
                LaneNotStarted(text, reason="Its process ended while it loaded.")
            )
        self._gone.set_result(end)


def _spawn(descriptor: int) -> subprocess.Popen[bytes]:
    allowed = tuple(_ENVIRONMENT.split())
    environment = {k: v for k, v in os.environ.items() if k.startswith(allowed)}
    # Fewer arenas: a lane has few threads that allocate, and each arena keeps what it once held.
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    path = "\x1f".join(entry or os.getcwd() for entry in sys.path)
    module = f"{__package__}.worker"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _BOOT, str(descriptor), str(os.getpid()), path, module],
        stdin=DEVNULL,
        stdout=STDERR,
        pass_fds=(descriptor,),
        process_group=0,
        env=environment,
    )


def _await_exit(pid: int) -> None:
    """Block until the process has ended, and leave it unreaped: its number stays taken."""
    with suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def _not_started(failure: StartFailed) -> LaneNotStarted:
    known = bool(failure.code)
    reason = failure.message if known else "The engine's own error stands in the log."
    return LaneNotStarted(failure.message, reason=reason)


def _log(lane: str, said: LogLine) -> None:
    # It comes from a process that reads what strangers send.
    extra = {"request_id": said.request_id[:64]} if said.request_id else None
    text = said.text[:MAX_LOG_CHARACTERS]
    logging.getLogger("maoocr.lane").log(said.level, "%s: %s", lane, text, extra=extra)


def _outcome(message: PageDone) -> PageResult | MaoOCRError:
    if message.error is not None:
        return error_from_code(message.error.code, message.error.message)
    if message.result is None:
        raise ValueError("a page without an outcome")
    return message.result


def _oom_kills() -> int:
    """Processes that the kernel killed for lack of memory; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeError):
        return 0
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else 0
