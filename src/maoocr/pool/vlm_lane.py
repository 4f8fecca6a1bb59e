"""A lane that is no process: one page at a time on its way to a model behind an endpoint."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ..documents.rendering import Renderer
from ..documents.sandbox import DecodedPage
from ..domain import Focus, PageResult
from ..engines.base import EngineInfo, PageText
from ..engines.vlm.reader import Again, Shown, VlmReader
from ..errors import CallerLeft, EngineFault, MaoOCRError
from ..telemetry.logging import request_id_var
from .faults import described
from .lanes import LaneEnd, LaneLost, LaneVitals, OnPage
from .page_blocks import with_words
from .page_results import layer_result, text_result
from .tickets import PageTask

__all__ = ["VlmLane"]

log = logging.getLogger(__name__)

MOST_LOOKS = 3
"""At one page: as it lies, turned, and in parts."""


class VlmLane:
    """One place before the endpoints of an engine; see `Lane` for what it promises."""

    pid = None

    def __init__(self, renderer: Renderer, reader: VlmReader, page_seconds: float) -> None:
        """Make it; there is nothing to start.

        Args:
            renderer: makes pages of documents, for all lanes.
            reader: asks the model, for all lanes.
            page_seconds: that one page may take, with every further try.
        """
        self._renderer = renderer
        self._reader = reader
        self._page_seconds = page_seconds
        self._pages: list[asyncio.Task[None]] = []
        self._gone: asyncio.Future[LaneEnd] = asyncio.get_running_loop().create_future()

    @property
    def info(self) -> EngineInfo:
        """Of the model."""
        return self._reader.info

    def share(self, threads: int) -> None:
        """Nothing to share: it works elsewhere."""

    async def read(self, tasks: Sequence[PageTask], on_page: OnPage) -> LaneVitals:
        """Read a batch; see `Lane`."""
        if not self._gone.done():
            self._pages = [
                asyncio.create_task(self._answer(index, task, on_page))
                for index, task in enumerate(tasks)
            ]
            try:
                await asyncio.wait(self._pages)
            finally:
                for page in self._pages:
                    page.cancel()
        if self._gone.done():
            raise LaneLost(self._gone.result(), is_suspect=self._gone.result() == "hang")
        return LaneVitals()

    def cancel(self, index: int) -> None:
        """Nobody waits for that page: the call to the endpoint is closed."""
        if index < len(self._pages):
            self._pages[index].cancel()

    def stop(self, end: LaneEnd) -> None:
        """End, and give up what is in work: there is nothing to be saved."""
        self.kill(end)

    def kill(self, end: LaneEnd) -> None:
        """End at once."""
        if not self._gone.done():
            self._gone.set_result(end)
        for page in self._pages:
            page.cancel()

    async def gone(self) -> LaneEnd:
        """Wait until it has ended."""
        return await asyncio.shield(self._gone)

    async def _answer(self, index: int, task: PageTask, on_page: OnPage) -> None:
        outcome: PageResult | MaoOCRError
        # Each page has a task of its own, so this holds for it alone: for its calls and its logs.
        request_id_var.set(task.request_id)
        try:
            outcome = await self._page(task)
        except asyncio.CancelledError:
            if self._gone.done():
                raise
            outcome = CallerLeft("Nobody waits for this page any more.")
        except MaoOCRError as error:
            outcome = error
        except Exception as error:
            log.error("a page failed: %s", described(error))
            outcome = EngineFault(f"The engine {self.info.name} failed over this page.")
        on_page(index, outcome)

    async def _page(self, task: PageTask) -> PageResult:
        began = time.monotonic()
        deadline = began + self._page_seconds
        asked: Focus | Again | None = task.focus
        for _ in range(MOST_LOOKS):
            page, shown = await self._shown(task, asked)
            if shown is None:
                return layer_result(task.page, page, task.options)
            decoded_at = time.monotonic()
            read = await self._reader.read(shown, deadline=deadline)
            if isinstance(read, PageText):
                seconds = time.monotonic() - decoded_at
                return text_result(task.page, page, read, self.info.name, seconds)
            asked = read
        raise EngineFault(f"The engine {self.info.name} did not come to an end over this page.")

    async def _shown(
        self, task: PageTask, asked: Focus | Again | None
    ) -> tuple[DecodedPage, Shown | None]:
        options = with_words(task.options)
        if asked is not None:
            options = replace(options, pdf_text="ocr")
        return await self._renderer.page(
            task.document, task.kind, task.page, options, partial(self._show, task, asked)
        )

    def _show(
        self, task: PageTask, asked: Focus | Again | None, page: DecodedPage
    ) -> tuple[DecodedPage, Shown | None]:
        """In the renderer's thread, where the pixels stay."""
        without = _without_pixels(page)
        if page.image is None:
            return without, None
        shown = self._reader.show(page.image, page.scale, asked, structure=task.options.structure)
        return without, shown


def _without_pixels(page: DecodedPage) -> DecodedPage:
    return replace(page, image=None)
