"""The pages of one document, read through the pool."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field

from ..domain import OcrOptions, PageError, PageResult, Requirements, Selection
from ..errors import MaoOCRError, TooLarge, error_from_code
from ..pool import PageTask
from ..settings import LimitSettings
from .fallback import Readers
from .ports import Admission, Document, PageCounter, PagePool

__all__ = ["PageReading", "Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """One request, ready to be carried out.

    Attributes:
        deadline: moment of the service's clock after which nobody waits.
        key: of the result cache; None when the cache is left alone.
        requirements: as the caller gave them, if any.
        prices: money for a page by engine.
        counted: the pages to read and how many there are in all, where that is known already.
    """

    document: Document
    options: OcrOptions
    selection: Selection
    client: str
    deadline: float
    key: str | None
    requirements: Requirements | None = None
    prices: Mapping[str, float] = field(default_factory=dict)
    counted: tuple[Sequence[int], int] | None = None


class PageReading:
    """Asks the pool for pages, one ticket each."""

    def __init__(self, pool: PagePool, counter: PageCounter, limits: LimitSettings) -> None:
        self._pool = pool
        self._counter = counter
        self._limits = limits

    async def numbers(self, plan: Plan) -> tuple[Sequence[int], int]:
        """The pages to read, and how many the document has in all; see `count`."""
        return plan.counted or await self.count(plan.document, plan.options)

    async def count(self, document: Document, options: OcrOptions) -> tuple[Sequence[int], int]:
        """The pages to read of a document that is kept, and how many it has in all.

        Raises:
            InvalidRequest: it does not have a page that is asked for.
            TooLarge: more are asked for than one request may.
        """
        total = await self._counter.count(document) if document.kind.paged else 1
        numbers = options.pages.of(total)
        if len(numbers) > self._limits.max_pages:
            raise TooLarge(
                f"The request is for {len(numbers)} pages; the limit is {self._limits.max_pages}"
                " (MAOOCR_LIMITS__MAX_PAGES). Ask for some of them with `pages`."
            )
        return numbers, total

    def admit(self, plan: Plan, pages: int) -> Readers:
        """Room in the pool, taken when it is entered; see `Readers`."""
        return Readers(
            self._pool,
            plan.selection,
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
