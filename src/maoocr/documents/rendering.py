"""Pages for readers that are no lanes of this machine: decoded here, by confined children."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TypeVar

from ..domain import OcrOptions
from ..errors import CallerLeft
from .kinds import Kind
from .limits import DecodeLimits
from .sandbox import DecodedPage, Decoder

__all__ = ["Renderer"]

Made = TypeVar("Made")


class Renderer:
    """Some decoder processes, each with the thread that speaks to it; all start at first use."""

    def __init__(self, root: Path, limits: DecodeLimits, decoders: int) -> None:
        """Render documents at `root/sha256`, so many pages at once."""
        self._all = [_Worker(Decoder(root, limits)) for _ in range(decoders)]
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        # The last one in is the first one out: those that are never needed are never started.
        for worker in reversed(self._all):
            self._idle.put_nowait(worker)

    async def page(
        self,
        sha256: str,
        kind: Kind,
        number: int,
        options: OcrOptions,
        make: Callable[[DecodedPage], Made],
    ) -> Made:
        """Decode one page and make something of it, in a thread; pixels leave it only by `make`.

        Cancelling the call ends the work on the page.

        Args:
            sha256: the document, which lies at `root/sha256`.
            kind: as sniffed.
            number: of the page, from 1.
            options: `words`, `pdf_text` and `dpi` matter.
            make: is called once, in the thread.

        Raises:
            MaoOCRError: as of `Decoder.page`, and what `make` raises.
        """
        worker = await self._idle.get()
        left = Event()

        def work() -> Made:
            return make(worker.decoder.page(sha256, kind, number, options, _unless(left)))

        done = asyncio.get_running_loop().run_in_executor(worker.thread, work)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            left.set()
            # The decoder can't be lent again before its thread is out of it.
            with suppress(Exception):
                await done
            raise
        finally:
            self._idle.put_nowait(worker)

    async def close(self) -> None:
        """End the decoders. Nobody may be waiting for a page."""
        loop = asyncio.get_running_loop()
        for worker in self._all:
            await loop.run_in_executor(worker.thread, worker.decoder.close)
            worker.thread.shutdown()


class _Worker:
    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="renderer")


def _unless(left: Event) -> Callable[[], None]:
    def checkpoint() -> None:
        if left.is_set():
            raise CallerLeft("Nobody waits for this page any more.")

    return checkpoint
