"""The pages of one document, read through the pool."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field

from ..documents.sandbox import Probe
from ..domain import OcrOptions, PageError, PageResult, Requirements, Selection
from ..errors import MaoOCRError, TooLarge, error_from_code
from ..pool import PageTask
from ..settings import LimitSettings
from .by_type import TypePlans
from .ports import Admission, Document, PageCounter, PagePool
from .readers import Readers

__all__ = ["Extent", "PageReading", "Plan"]


@dataclass(frozen=True, slots=True)
class Extent:
    """How long a document is.

    Attributes:
        numbers: of the pages to read.
        total: pages that it has.
        pixels: of its first page, where that is known.
    """

    numbers: Sequence[int]
    total: int
    pixels: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One request, ready to be carried out.

    Attributes:
        deadline: moment of the service's clock after which nobody waits.
        key: of the result cache; None when the cache is left alone.
        requirements: as the caller gave them, if any.
        prices: money for a page by engine.
        by_type: who reads a page that turns out to be of some type.
        counted: the pages to read, where they are known already.
    """

    document: Document
    options: OcrOptions
    selection: Selection
    client: str
    deadline: float
    key: str | None
    requirements: Requirements | None = None
    prices: Mapping[str, float] = field(default_factory=dict)
    counted: Extent | None = None
    by_type: TypePlans = field(default_factory=TypePlans)


class PageReading:
    """Asks the pool for pages, one ticket each."""

    def __init__(self, pool: PagePool, counter: PageCounter, limits: LimitSettings) -> None:
        self._pool = pool
        self._counter = counter
        self._limits = limits

    async def extent(self, plan: Plan) -> Extent:
        """The pages to read; see `measure`."""
        return plan.counted or await self.measure(plan.document, plan.options)

    async def measure(
        self, document: Document, options: OcrOptions, *, with_size: bool = False
    ) -> Extent:
        """The pages to read of a document that is kept.

        Args:
            document: in the spool.
            options: tell which pages.
            with_size: tell the size of the first page too, which takes a look into every file.

        Raises:
            InvalidRequest: it does not have a page that is asked for.
            TooLarge: more are asked for than one request may.
        """
        probe = Probe(1)
        if document.kind.paged or with_size:
            probe = await self._counter.probe(document)
        numbers = options.pages.of(probe.pages_total)
        if len(numbers) > self._limits.max_pages:
            raise TooLarge(
                f"The request is for {len(numbers)} pages; the limit is {self._limits.max_pages}"
                " (MAOOCR_LIMITS__MAX_PAGES). Ask for some of them with `pages`."
            )
        return Extent(numbers, probe.pages_total, probe.pixels)

    def admit(self, plan: Plan, pages: int) -> Readers:
        """Room in the pool, taken when it is entered; see `Readers`."""
        return Readers(
            self._pool,
            plan.selection,
            plan.by_type,
            plan.prices,
            pages,
            client=plan.client,
            deadline=plan.deadline,
        )

    async def all(
        self, admission: Admission, plan: Plan, numbers: Sequence[int]
    ) -> list[PageResult]:
        """Every page; one of several that failed carries its error.

        Raises:
            MaoOCRError: not one page could be read; it is the first one's error.
        """
        pages = [page async for page in self.in_order(admission, plan, numbers)]
        failed = [page.error for page in pages if page.error is not None]
        if failed and len(failed) == len(pages):
            raise error_from_code(failed[0].code, f"Page {numbers[0]}: {failed[0].message}")
        return pages

    async def in_order(
        self, admission: Admission, plan: Plan, numbers: Sequence[int]
    ) -> AsyncGenerator[PageResult]:
        """Each page as soon as it and those before it are done.

        Raises:
            MaoOCRError: the only page could not be read.
        """
        if len(numbers) == 1:
            yield await admission.read(_task(plan, numbers[0]))
            return
        tasks = [asyncio.ensure_future(_page(admission, plan, number)) for number in numbers]
        try:
            for task in tasks:
                yield await task
        finally:
            await _leave(tasks)


def _task(plan: Plan, number: int) -> PageTask:
    return PageTask(plan.document.sha256, plan.document.kind, number, plan.options)


async def _page(admission: Admission, plan: Plan, number: int) -> PageResult:
    """Read one page of several; its failure is its own."""
    try:
        return await admission.read(_task(plan, number))
    except MaoOCRError as error:
        return PageResult(number, error=PageError(error.code, error.message, error.retryable))


async def _leave(tasks: Sequence["asyncio.Task[PageResult]"]) -> None:
    """Cancel what still runs and wait until it is over."""
    unfinished = [task for task in tasks if not task.done()]
    for task in unfinished:
        task.cancel()
    if unfinished:
        await asyncio.wait(unfinished)
