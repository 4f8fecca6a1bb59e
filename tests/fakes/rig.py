"""A pool with real processes, and a test's hand on what its engines do."""

import asyncio
import hashlib
import io
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from PIL import Image
from prometheus_client import CollectorRegistry

from maoocr.documents.kinds import kind_named
from maoocr.domain import OcrOptions, PageResult
from maoocr.engines.base import EngineSpec
from maoocr.engines.fake import picture_of
from maoocr.pool import Admission, PageTask, Pool
from maoocr.pool.engine_pool import EngineStatus
from maoocr.settings import LimitSettings, PoolSettings, ServerSettings, Settings
from maoocr.telemetry.metrics import Metrics

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Event:
    """What an engine told."""

    kind: str
    pid: int
    text: str


class Rig(asyncio.DatagramProtocol):
    """One pool of the misbehaving engine, and what its lanes tell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.events: list[Event] = []
        self.broken: set[str] = set()
        """Tokens whose file is cut off in the middle."""
        self.metrics = Metrics(CollectorRegistry())
        self._heard = asyncio.Condition()
        self._pools: list[Pool] = []
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._others = set(psutil.Process().children(recursive=True))

    def processes(self) -> list[psutil.Process]:
        """The children that were not there before; other suites may keep some of their own."""
        return [p for p in psutil.Process().children(recursive=True) if p not in self._others]

    async def start(
        self,
        *,
        lanes: int = 1,
        batch: int = 1,
        options: dict[str, Any] | None = None,
        grace_s: float = 10.0,
        limits: dict[str, Any] | None = None,
        **pool: Any,
    ) -> Pool:
        """Make a pool and wait until all its lanes are up, or could not be started."""
        if self._transport is None:
            loop = asyncio.get_running_loop()
            ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            ear.bind(str(self.folder / "events"))
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=ear)
        spec = EngineSpec(
            "misbehaving",
            "tests.fakes.misbehaving:MisbehavingEngine",
            {"folder": str(self.folder)} | (options or {}),
            max_batch_pages=batch,
        )
        settings = Settings(
            _env_file=None,
            server=ServerSettings(grace_s=grace_s),
            limits=LimitSettings(**(limits or {})),
            pool=PoolSettings(lanes=lanes, **({"backoff_max_seconds": 0.5} | pool)),
        )
        made = Pool([spec], settings, self.spool, self.metrics)
        self._pools.append(made)
        await made.start()
        await self.until(lambda: all(x.state != "starting" for x in self.status().lanes))
        return made

    @property
    def pool(self) -> Pool:
        return self._pools[-1]

    def status(self) -> EngineStatus:
        return self.pool.status().engines["misbehaving"]

    def restarts(self, reason: str) -> int:
        return self.status().restarts.get(reason, 0)

    def task(self, token: str, **options: Any) -> PageTask:
        """A page whose picture says `token`."""
        buffer = io.BytesIO()
        Image.fromarray(picture_of(token)).save(buffer, "PNG", compress_level=1)
        data = buffer.getvalue()[: 40 if token in self.broken else None]
        digest = hashlib.sha256(data).hexdigest()
        (self.spool / digest).write_bytes(data)
        return PageTask(digest, kind_named("png"), 1, OcrOptions(**options))

    async def read(
        self, token: str, *, client: str = "a", seconds: float = PATIENCE_SECONDS, **options: Any
    ) -> str:
        """The text of a document of one page."""
        result = await self.read_page(token, client=client, seconds=seconds, **options)
        return result.text

    async def read_page(
        self, token: str, *, client: str = "a", seconds: float = PATIENCE_SECONDS, **options: Any
    ) -> PageResult:
        with self.admit(1, client=client, seconds=seconds) as admission:
            return await admission.read(self.task(token, **options))

    def admit(
        self, pages: int, *, client: str = "a", seconds: float = PATIENCE_SECONDS
    ) -> Admission:
        """Room for a document of so many pages."""
        deadline = time.monotonic() + seconds
        return self.pool.admit("misbehaving", pages, client=client, deadline=deadline)

    def soon(self, token: str, **arguments: Any) -> asyncio.Task[str]:
        """Begin to read; the page is queued when this returns to the loop."""
        return asyncio.create_task(self.read(token, **arguments))

    def open(self, gate: str) -> None:
        (self.folder / gate).touch()

    async def hear(self, kind: str, text: str | None = None, *, times: int = 1) -> Event:
        """Wait for the n-th event of that kind (and text)."""

        def found() -> list[Event]:
            return [e for e in self.events if e.kind == kind and text in {None, e.text}]

        await self.until(lambda: len(found()) >= times)
        return found()[times - 1]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a state of the pool; looks again at each event and each round of the loop."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.005), self._heard:
                        await self._heard.wait()

    def calls(self) -> list[list[str]]:
        """The tokens of each call of the engine."""
        return [e.text.split(" ")[1:] for e in self.events if e.kind == "call"]

    def datagram_received(self, data: bytes, addr: object) -> None:
        kind, pid, text = data.decode().split(" ", 2)
        self.events.append(Event(kind, int(pid), text))
        task = asyncio.get_running_loop().create_task(self._ring())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ring(self) -> None:
        async with self._heard:
            self._heard.notify_all()

    async def close(self) -> None:
        for pool in self._pools:
            await pool.close()
        if self._transport is not None:
            self._transport.close()
