"""An engine that does what a picture tells it to, to attack the pool that runs it.

The token of a page (see `maoocr.engines.fake`) is `command` or `command#anything`; a token without
a known command is read as text. What happens is told as datagrams to the socket `events` in the
folder of the options; a `gate` waits for a file of its token's name there.
"""

import ctypes
import os
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from maoocr.domain import OcrOptions, PageError, TextLine
from maoocr.engines.base import EngineInfo, PageImage, PageText, Run
from maoocr.engines.fake import token_in
from maoocr.pool.messages import BatchDone, PageDone, frame

__all__ = ["MisbehavingEngine"]

NAP_SECONDS = 0.002


class MisbehavingEngine:
    """Commanded by its pages; everything it does is told to the test."""

    def __init__(self, *, folder: str, delay_s: float = 0.0) -> None:
        self._folder = Path(folder)
        self._delay_s = delay_s
        self._hoard: list[bytearray] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.connect(str(self._folder / "events"))
        self._tell("start", "")
        while (self._folder / "start-waits").exists():
            time.sleep(NAP_SECONDS)
        if (self._folder / "start-fails").exists():
            raise RuntimeError("the model is broken")
        if (self._folder / "start-dies").exists():
            os._exit(4)

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("misbehaving", model_digest="m1", details={"pid": str(os.getpid())})

    def recognize(
        self, pages: Sequence[PageImage], options: OcrOptions, run: Run
    ) -> list[PageText]:
        tokens = [token_in(page) or "?" for page in pages]
        self._tell("call", f"{run.threads()} {' '.join(tokens)}")
        results = []
        for page, token in zip(pages, tokens, strict=True):
            self._tell("page", token)
            self._obey(token, run)
            text = f"{token}/{options.language}" if options.language != "auto" else token
            score = float("nan") if token.startswith("nan") else 0.5
            height, width = page.shape[:2]
            polygon = ((0.0, 0.0), (256.0, 0.0), (256.0, 8.0), (0.0, 8.0))
            line = TextLine(text, score, polygon, "misbehaving")
            results.append(PageText(width, height, lines=(line,)))
        if any(token.startswith("few") for token in tokens):
            results.pop()
        return results

    def close(self) -> None:
        self._socket.close()

    def _obey(self, token: str, run: Run) -> None:
        if self._delay_s:
            time.sleep(self._delay_s)
        command = getattr(self, f"_do_{token.partition('#')[0]}", None)
        if command is not None:
            act: Callable[[str, Run], None] = command
            act(token, run)

    def _do_raise(self, token: str, run: Run) -> None:
        raise RuntimeError("secret text of the document")

    def _do_exit(self, token: str, run: Run) -> None:
        os._exit(3)

    def _do_exitonce(self, token: str, run: Run) -> None:
        marker = self._folder / token
        if not marker.exists():
            marker.touch()
            os._exit(3)

    def _do_segfault(self, token: str, run: Run) -> None:
        ctypes.string_at(0)

    def _do_babble(self, token: str, run: Run) -> None:
        """Write nonsense where answers are expected, as a process that was taken over might."""
        self._write(b"\x05\x00\x00\x00nonsense")

    def _do_flood(self, token: str, run: Run) -> None:
        self._write(b"\xff\xff\xff\xff")

    def _do_stray(self, token: str, run: Run) -> None:
        self._write(frame(BatchDone(batch=99, rss_bytes=1)))

    def _do_early(self, token: str, run: Run) -> None:
        self._write(frame(BatchDone(batch=1, rss_bytes=1)))

    def _do_void(self, token: str, run: Run) -> None:
        self._write(frame(PageDone(batch=1, index=0)))

    def _do_twice(self, token: str, run: Run) -> None:
        done = frame(PageDone(batch=1, index=7, error=PageError("internal", "?", False)))
        self._write(done)

    def _write(self, data: bytes) -> None:
        """To every socket of the process that is open; one of them leads to the gateway."""
        opened = {int(name) for name in os.listdir("/proc/self/fd")}
        for fd in sorted(opened - {0, 1, 2, self._socket.fileno()}):
            try:
                if os.readlink(f"/proc/self/fd/{fd}").startswith("socket:"):
                    os.write(fd, data)
            except OSError:
                continue

    def _do_hang(self, token: str, run: Run) -> None:
        while True:
            time.sleep(NAP_SECONDS)

    def _do_spin(self, token: str, run: Run) -> None:
        while True:
            time.sleep(NAP_SECONDS)
            run.checkpoint()

    def _do_gate(self, token: str, run: Run) -> None:
        told = 0
        while not (self._folder / token).exists():
            if told != (told := run.threads()):
                self._tell("threads", f"{token} {told}")
            time.sleep(NAP_SECONDS)
            run.checkpoint()

    def _do_eat(self, token: str, run: Run) -> None:
        eaten = []
        while True:
            eaten.append(bytearray(16 << 20))

    def _do_crumble(self, token: str, run: Run) -> None:
        # Below what glibc maps singly; what stays pins the rest, which it would keep by itself.
        blocks = [bytearray(b"x") * (64 << 10) for _ in range(2400)]
        self._hoard.extend(blocks[::100])

    def _do_hoard(self, token: str, run: Run) -> None:
        self._hoard.append(bytearray(b"x") * (160 << 20))

    def _tell(self, event: str, text: str) -> None:
        self._socket.send(f"{event} {os.getpid()} {text}".encode())
