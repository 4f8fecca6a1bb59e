"""The use case, told once: a document in, its text out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from ..cache.keys import result_key
from ..domain import (
    OcrOptions,
    OcrResult,
    PageError,
    PageResult,
    Requirements,
    Selection,
    Timings,
)
from ..errors import DeadlineExceeded, MaoOCRError, TooLarge, error_from_code
from ..pool import PageTask
from ..settings import LimitSettings
from ..telemetry.metrics import Metrics
from .flight import SingleFlight
from .language import detect_language
from .ports import Admission, Document, EngineDirectory, PageCounter, PagePool, ResultCache
from .selector import select

__all__ = ["CacheUse", "Recognizer"]

CacheUse = Literal["use", "refresh", "off"]


@dataclass(frozen=True, slots=True)
class _Plan:
    """One request, ready to be carried out."""

    document: Document
    options: OcrOptions
    selection: Selection
    client: str
    deadline: float
    key: str | None


class Recognizer:
    """Reads documents through the cache and the pool."""

    def __init__(
        self,
        pool: PagePool,
        engines: EngineDirectory,
        counter: PageCounter,
        cache: ResultCache,
        limits: LimitSettings,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._engines = engines
        self._counter = counter
        self._cache = cache
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._flights: SingleFlight[str, OcrResult] = SingleFlight()

    async def recognize(
        self,
        document: Document,
        options: OcrOptions,
        *,
        requirements: Requirements | None = None,
        engine: str | None = None,
        client: str = "local",
        cache: CacheUse = "use",
    ) -> OcrResult:
        """Read a document.

        Cancelling the call means that the caller left: pages that nobody else waits for stop.

        Args:
            document: taken over; it is released when it is not needed any more.
            options: what changes the answer.
            requirements: what the caller needs; chooses the engine.
            engine: the engine asked for by name, which the requirements then don't choose.
            client: whose request it is; room is shared fairly among clients.
            cache: `use` it, `refresh` it with a new answer, or leave it `off`.

        Returns:
            The answer. A page of a longer document that failed carries its error; when no page
            at all was read, the first page's error is raised instead.

        Raises:
            MaoOCRError: as the tree in `errors` tells.
        """
        started = self._clock()
        try:
            with ExitStack() as hold:
                hold.callback(document.release)
                plan = self._plan(document, options, requirements, engine, client, cache)
                result = await self._cached(plan) if cache == "use" else None
                if result is None:
                    result = await self._computed(plan, hold)
        except MaoOCRError as error:
            self._metrics.documents.labels(error.code).inc()
            raise
        self._metrics.documents.labels("read").inc()
        took = replace(result.timings, total_s=self._clock() - started)
        return replace(result, timings=took)

    async def stream(
        self,
        document: Document,
        options: OcrOptions,
        *,
        requirements: Requirements | None = None,
        engine: str | None = None,
        client: str = "local",
    ) -> AsyncIterator[PageResult]:
        """Read a document page by page, each as soon as it and those before it are done.

        Raises:
            MaoOCRError: before the first page only; later a page carries its own error.
        """
        try:
            plan = self._plan(document, options, requirements, engine, client, "off")
            await document.keep()
            numbers, _ = await self._numbers(plan)
            with self._admit(plan, len(numbers)) as admission:
                tasks = [asyncio.ensure_future(self._page(admission, plan, n)) for n in numbers]
                try:
                    for task in tasks:
                        yield await task
                finally:
                    await _leave(tasks)
        finally:
            document.release()

    def _plan(
        self,
        document: Document,
        options: OcrOptions,
        requirements: Requirements | None,
        engine: str | None,
        client: str,
        cache: CacheUse,
    ) -> _Plan:
        if options.language == "auto" and requirements is not None:
            options = replace(options, language=requirements.language)
        cards = self._engines.cards()
        selection = select(requirements, engine, options.language, cards)
        card = next(card for card in cards if card.name == selection.engine)
        key = None
        if cache != "off" and card.info is not None:
            digest = card.info.model_digest
            key = result_key(document.sha256, selection.engine, digest, options)
        deadline = self._clock() + self._limits.request_seconds
        return _Plan(document, options, selection, client, deadline, key)

    async def _cached(self, plan: _Plan) -> OcrResult | None:
        if plan.key is None:
            return None
        found = await self._cache.get(plan.key)
        if found is None:
            return None
        result = _decoder.decode(found)
        return replace(result, cached=True, selection=plan.selection)

    async def _computed(self, plan: _Plan, hold: ExitStack) -> OcrResult:
        if plan.key is None:
            return await self._compute(plan)
        flight = self._flights.join(plan.key)
        if flight is not None:
            return replace(await flight, shared=True, selection=plan.selection)
        # The flight may outlive this caller, so the bytes are the flight's to release.
        release = hold.pop_all().close
        return await self._flights.run(plan.key, lambda: self._compute(plan), landed=release)

    async def _compute(self, plan: _Plan) -> OcrResult:
        await plan.document.keep()
        try:
            async with asyncio.timeout_at(self._loop_time(plan.deadline)):
                numbers, total = await self._numbers(plan)
                with self._admit(plan, len(numbers)) as admission:
                    pages = await self._pages(admission, plan, numbers)
        except TimeoutError:
            raise DeadlineExceeded(
                f"The document was not read within {self._limits.request_seconds:g} s"
                " (MAOOCR_LIMITS__REQUEST_SECONDS)."
            ) from None
        result = self._result(plan, pages, total)
        if plan.key is not None and all(page.error is None for page in pages):
            await self._cache.set(plan.key, _encoder.encode(result))
        return result

    def _loop_time(self, deadline: float) -> float:
        return asyncio.get_running_loop().time() + deadline - self._clock()

    async def _numbers(self, plan: _Plan) -> tuple[Sequence[int], int]:
        """The pages to read and how many there are in all."""
        paged = plan.document.kind.paged
        total = await self._counter.count(plan.document) if paged else 1
        numbers = plan.options.pages.of(total)
        if len(numbers) > self._limits.max_pages:
            raise TooLarge(
                f"The request is for {len(numbers)} pages; the limit is {self._limits.max_pages}"
                " (MAOOCR_LIMITS__MAX_PAGES). Ask for some of them with `pages`."
            )
        return numbers, total

    def _admit(self, plan: _Plan, pages: int) -> AbstractContextManager[Admission]:
        return self._pool.admit(
            plan.selection.engine, pages, client=plan.client, deadline=plan.deadline
        )

    async def _pages(
        self, admission: Admission, plan: _Plan, numbers: Sequence[int]
    ) -> list[PageResult]:
        if len(numbers) == 1:
            task = self._task(plan, numbers[0])
            return [await admission.read(task)]
        tasks = [asyncio.ensure_future(self._page(admission, plan, n)) for n in numbers]
        try:
            pages = await asyncio.gather(*tasks)
        finally:
            await _leave(tasks)
        failed = [page.error for page in pages if page.error is not None]
        if len(failed) == len(pages):
            raise error_from_code(failed[0].code, f"Page {numbers[0]}: {failed[0].message}")
        return pages

    async def _page(self, admission: Admission, plan: _Plan, number: int) -> PageResult:
        """Read one page of several; its failure is its own."""
        try:
            return await admission.read(self._task(plan, number))
        except MaoOCRError as error:
            return PageResult(number, error=PageError(error.code, error.message, error.retryable))

    def _task(self, plan: _Plan, number: int) -> PageTask:
        return PageTask(plan.document.sha256, plan.document.kind, number, plan.options)

    def _result(self, plan: _Plan, pages: Sequence[PageResult], total: int) -> OcrResult:
        timings = Timings(
            queue_s=sum(page.queue_s for page in pages),
            decode_s=sum(page.decode_s for page in pages),
            recognize_s=sum(page.recognize_s for page in pages),
        )
        result = OcrResult(tuple(pages), total, plan.selection, timings)
        return replace(result, language=detect_language(result.text))


async def _leave(tasks: Sequence["asyncio.Task[PageResult]"]) -> None:
    """Cancel what still runs and wait until it is over."""
    unfinished = [task for task in tasks if not task.done()]
    for task in unfinished:
        task.cancel()
    if unfinished:
        await asyncio.wait(unfinished)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(OcrResult)
