"""The lane's side of a batch: decode, recognize, and see to it that a bad page fails alone."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

from ..documents.sandbox import DecodedPage, Decoder
from ..domain import PageError
from ..engines.base import Engine, PageImage, PageText, Run
from ..errors import CallerLeft, EngineFault, MaoOCRError
from .faults import described
from .limits import page_memory_is_out, page_time_is_up
from .messages import FromLane, PageDone, ReadBatch, Start
from .page_blocks import with_blocks, with_words
from .page_results import layer_result, text_result

__all__ = ["Departures", "PageReader", "ThreadShare"]

log = logging.getLogger("maoocr.lane")

Send = Callable[[FromLane], None]


class Departures:
    """Pages that nobody waits for any more; written by one thread, read by another."""

    def __init__(self) -> None:
        self._gone: set[tuple[int, int]] = set()

    def add(self, batch: int, index: int) -> None:
        """Nobody waits for that page of that batch."""
        self._gone.add((batch, index))

    def __contains__(self, page: tuple[int, int]) -> bool:
        return page in self._gone

    def forget(self, batch: int) -> None:
        """Drop that batch and the ones before it."""
        # The copy is one step of the interpreter: nobody can add to the set in the midst of it.
        for page in list(self._gone):
            if page[0] <= batch:
                self._gone.discard(page)


class ThreadShare:
    """Threads that may be busy now; written by one thread, read by another."""

    def __init__(self) -> None:
        self.threads = 1


class PageReader:
    """Reads batches with one engine and one decoder."""

    def __init__(self, engine: Engine, decoder: Decoder, start: Start) -> None:
        self._engine = engine
        self._decoder = decoder
        self._page_seconds = start.page_seconds
        self._memory_bytes = start.memory_bytes
        self._name = start.spec.name
        self.share = ThreadShare()
        """Of the cores; another number as other lanes come and go."""

    def read(self, batch: ReadBatch, departures: Departures, send: Send) -> bool:
        """Read a batch and send the outcome of every page.

        Returns:
            Whether the process ran out of memory and should be replaced.
        """
        work = _Work(self, batch, departures, send)
        work.decode()
        work.recognize()
        departures.forget(batch.batch)
        return work.out_of_memory


class _Work:
    """One batch on its way."""

    def __init__(
        self, reader: PageReader, batch: ReadBatch, departures: Departures, send: Send
    ) -> None:
        self._reader = reader
        self._batch = batch
        self._departures = departures
        self._send = send
        self._pages: dict[int, DecodedPage] = {}
        self._began = time.monotonic()
        self.out_of_memory = False

    def decode(self) -> None:
        """Decode every page; text layers and pages that cannot be decoded are answered here."""
        for index, page in enumerate(self._batch.pages):
            deadline = time.monotonic() + self._reader._page_seconds
            checkpoint = partial(self._check, {index}, deadline)
            try:
                checkpoint()
                decoded = self._reader._decoder.page(
                    page.document, page.kind, page.page, with_words(page.options), checkpoint
                )
            except Exception as error:
                self._fail(index, error)
                continue
            if decoded.layer is not None:
                result = layer_result(page.page, decoded, page.options)
                self._send(PageDone(self._batch.batch, index, result=result))
            else:
                self._pages[index] = decoded

    def recognize(self) -> None:
        """Let the engine read what was decoded; each page alone if it fails over several."""
        if not self._pages:
            return
        deadline = self._began + self._reader._page_seconds * len(self._batch.pages)
        if self._try(self._pages, deadline, is_last_try=len(self._pages) == 1):
            return
        for index in list(self._pages):
            deadline = time.monotonic() + self._reader._page_seconds
            self._try({index: self._pages.pop(index)}, deadline, is_last_try=True)

    def _try(self, pages: Mapping[int, DecodedPage], deadline: float, *, is_last_try: bool) -> bool:
        """Whether the pages are answered now, be it with an error."""
        began = time.monotonic()
        try:
            texts = self._call(pages, deadline)
            seconds = (time.monotonic() - began) / len(pages)
            results = [
                text_result(self._batch.pages[index].page, page, text, self._reader._name, seconds)
                for (index, page), text in zip(pages.items(), texts, strict=True)
            ]
        except Exception as error:
            if not is_last_try and not isinstance(error, CallerLeft):
                log.warning("a batch of %d pages failed: %s", len(pages), described(error))
                self.out_of_memory |= isinstance(error, MemoryError)
                return False
            for index in pages:
                self._fail(index, error)
            return True
        for index, result in zip(pages, results, strict=True):
            self._send(PageDone(self._batch.batch, index, result=result))
        return True

    def _call(self, pages: Mapping[int, DecodedPage], deadline: float) -> list[PageText]:
        indexes = set(pages)
        run = Run(self._threads, partial(self._check, indexes, deadline))
        run.checkpoint()
        images: list[PageImage] = [p.image for p in pages.values() if p.image is not None]
        options = self._batch.pages[min(indexes)].options
        texts = self._reader._engine.recognize(images, with_words(options), run)
        if len(texts) != len(pages):
            raise EngineFault(
                f"The engine {self._reader._name} gave {len(texts)} results for {len(pages)} pages."
            )
        return [
            with_blocks(text, image, options) for text, image in zip(texts, images, strict=True)
        ]

    def _threads(self) -> int:
        return self._reader.share.threads

    def _check(self, indexes: set[int], deadline: float) -> None:
        if all((self._batch.batch, index) in self._departures for index in indexes):
            raise CallerLeft("Nobody waits for this page any more.")
        if time.monotonic() > deadline:
            raise page_time_is_up(self._reader._page_seconds)

    def _fail(self, index: int, error: Exception) -> None:
        if isinstance(error, MemoryError):
            self.out_of_memory = True
            known: MaoOCRError = page_memory_is_out(self._reader._memory_bytes)
        elif isinstance(error, MaoOCRError):
            known = error
        else:
            ids = {"request_id": self._batch.pages[index].request_id}
            log.error("a page failed: %s", described(error), extra=ids)
            known = EngineFault(f"The engine {self._reader._name} failed over this page.")
        failure = PageError(known.code, known.message, known.retryable)
        self._send(PageDone(self._batch.batch, index, error=failure))
