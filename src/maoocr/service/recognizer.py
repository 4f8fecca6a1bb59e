"""The use case, told once: a document in, its text out."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import msgspec

from ..domain import (
    OcrOptions,
    OcrResult,
    PageResult,
    Requirements,
    Timings,
)
from ..errors import DeadlineExceeded, MaoOCRError
from ..settings import LimitSettings
from ..telemetry.metrics import Metrics
from .counting import count_answer, count_pages
from .document_type import document_type_of
from .flight import SingleFlight
from .language import detect_language
from .planning import Planner
from .ports import Document, EngineDirectory, Flights, PageCounter, PagePool, ResultCache
from .reading import PageReading, Plan
from .result_keys import is_whole
from .telling import may_take, told

__all__ = ["CacheUse", "Recognizer", "StreamBegun"]

CacheUse = Literal["use", "refresh", "off"]


@dataclass(frozen=True, slots=True)
class StreamBegun:
    """What a stream of pages tells first.

    Attributes:
        pages_total: pages of the document.
        pages_coming: pages that the stream will give.
        is_cached: they were read for an earlier request.
        cache_key: under which the answer is cached; None when it is not.
    """

    pages_total: int
    pages_coming: int
    is_cached: bool
    cache_key: str | None = None


class Recognizer:
    """Reads documents through the cache and the pool."""

    def __init__(
        self,
        pool: PagePool,
        engines: EngineDirectory,
        counter: PageCounter,
        cache: ResultCache,
        flights: Flights,
        limits: LimitSettings,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reading = PageReading(pool, counter, limits)
        self._planner = Planner(engines, self._reading, limits, clock)
        self._cache = cache
        self._elsewhere = flights
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._flights: SingleFlight[tuple[str, bool], OcrResult] = SingleFlight()

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
                plan = await self._planner.plan(
                    document, options, requirements, engine, client, is_cached=cache != "off"
                )
                result = await self._found(plan, hold, fresh=cache == "refresh")
        except MaoOCRError as error:
            self._metrics.documents.labels(error.code).inc()
            raise
        self._metrics.documents.labels("read").inc()
        count_answer(self._metrics, result)
        took = replace(result.timings, total_s=self._clock() - started)
        return replace(told(plan, result, took.total_s), timings=took, cache_key=plan.key)

    async def stream(
        self,
        document: Document,
        options: OcrOptions,
        *,
        requirements: Requirements | None = None,
        engine: str | None = None,
        client: str = "local",
        cache: CacheUse = "use",
    ) -> AsyncGenerator[StreamBegun | PageResult | OcrResult]:
        """Read a document page by page, each as soon as it and those before it are done.

        The arguments are those of `recognize`.

        Yields:
            How many pages will come, then each of them; one that failed carries its error. At
            last the result as a whole.

        Raises:
            MaoOCRError: before the first page only.
        """
        started = self._clock()
        try:
            plan = await self._planner.plan(
                document, options, requirements, engine, client, is_cached=cache != "off"
            )
            known = await self._cached(plan) if cache == "use" else None
            if known is not None:
                count_answer(self._metrics, known)
                yield StreamBegun(known.pages_total, len(known.pages), True, plan.key)
                for page in known.pages:
                    yield page
                yield told(plan, known, self._clock() - started)
                return
            await document.keep()
            extent = await self._reading.extent(plan)
            numbers, total = extent.numbers, extent.total
            pages: list[PageResult] = []
            with self._reading.admit(plan, len(numbers)) as admission:
                yield StreamBegun(total, len(numbers), False, plan.key)
                async with aclosing(self._reading.in_order(admission, plan, numbers)) as ordered:
                    async for page in ordered:
                        pages.append(page)
                        yield page
            result = self._result(plan, pages, total)
            await self._keep(plan, result)
            count_answer(self._metrics, result)
            yield told(plan, result, self._clock() - started)
        finally:
            document.release()

    async def _cached(self, plan: Plan) -> OcrResult | None:
        if plan.key is None:
            return None
        return _as_cached(await self._cache.get(plan.key))

    async def _found(self, plan: Plan, hold: ExitStack, *, fresh: bool) -> OcrResult:
        """The answer of the cache, of an identical request in flight, or a new one."""
        if plan.key is None:
            return await self._compute(plan)
        # What is here already is worth no flight, which takes longer than the look.
        known = None if fresh else _as_cached(self._cache.at_hand(plan.key))
        if known is not None:
            return known
        name = (plan.key, fresh)
        flight = self._flights.join(name)
        if flight is not None:
            result = await flight
            if not may_take(plan, result):
                return await self._compute(plan)
            return replace(result, shared=not result.cached)
        # The flight may outlive this caller, so the bytes are the flight's to release.
        release = hold.pop_all().close
        fly = partial(self._fly, plan, plan.key, fresh)
        return await self._flights.run(name, fly, landed=release)

    async def _fly(self, plan: Plan, key: str, fresh: bool) -> OcrResult:
        """Look it up or compute it, unless another replica is at it: then wait for its answer.

        A crowd of identical requests asks the cache, which may be far, no more than once.
        """
        known = None if fresh else await self._cached(plan)
        if known is not None:
            return known
        own: list[OcrResult] = []

        async def compute() -> bytes:
            own.append(await self._compute(plan))
            return await self._keep(plan, own[0])

        async with self._in_time(plan):
            landed = await self._elsewhere.run(key, compute, fresh=fresh)
        if not landed.is_shared:
            return own[0]
        try:
            result = _decoder.decode(landed.value)
        except msgspec.DecodeError:
            # A replica of another version computed it.
            return await self._compute(plan)
        if not may_take(plan, result):
            return await self._compute(plan)
        return replace(result, shared=True)

    async def _compute(self, plan: Plan) -> OcrResult:
        await plan.document.keep()
        async with self._in_time(plan):
            extent = await self._reading.extent(plan)
            with self._reading.admit(plan, len(extent.numbers)) as admission:
                pages = await self._reading.all(admission, plan, extent.numbers)
        return self._result(plan, pages, extent.total)

    @asynccontextmanager
    async def _in_time(self, plan: Plan) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout_at(self._loop_time(plan.deadline)):
                yield
        except TimeoutError:
            raise DeadlineExceeded(
                f"The document was not read within {self._limits.request_seconds:g} s"
                " (MAOOCR_LIMITS__REQUEST_SECONDS)."
            ) from None

    async def _keep(self, plan: Plan, result: OcrResult) -> bytes:
        """Remember an answer that is whole, and the chosen engine's; gives it as bytes."""
        encoded = _encoder.encode(result)
        if plan.key is not None and is_whole(result):
            await self._cache.set(plan.key, encoded)
        return encoded

    def _loop_time(self, deadline: float) -> float:
        return asyncio.get_running_loop().time() + deadline - self._clock()

    def _result(self, plan: Plan, pages: Sequence[PageResult], total: int) -> OcrResult:
        timings = Timings(
            queue_s=sum(page.queue_s for page in pages),
            decode_s=sum(page.decode_s for page in pages),
            recognize_s=sum(page.recognize_s for page in pages),
        )
        result = OcrResult(tuple(pages), total, plan.selection, timings)
        count_pages(self._metrics, pages)
        first = next((page for page in pages if page.lines), None)
        kind = first.document_type if first is not None else "auto"
        if first is not None and kind == "auto":
            kind = document_type_of(first).document_type
        return replace(result, language=detect_language(result.text), document_type=kind)


def _as_cached(found: bytes | None) -> OcrResult | None:
    if found is None:
        return None
    try:
        result = _decoder.decode(found)
    except msgspec.DecodeError:
        # Another version of the service may have left it in a cache that both share.
        return None
    return replace(result, cached=True)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(OcrResult)
