"""One page of a job: from its claim to its outcome."""

import json
import logging
from collections import OrderedDict
from functools import partial

from ..documents.kinds import kind_named
from ..domain import OcrOptions, PageError, PageResult, Requirements
from ..errors import (
    EngineUnavailable,
    InvalidRequest,
    MaoOCRError,
    Overloaded,
    ShuttingDown,
    StorageFull,
    StoreUnavailable,
    TooLarge,
)
from ..pool import PageTask
from ..settings import LimitSettings
from ..store.job_rows import Claim, Counted, Outcome, Read, Retry, Spoiled
from .by_type import type_plans
from .fallback import prices_of
from .first_look import read_by_type
from .job_cache import JobCache
from .job_ports import BackgroundPool, Blobs, Spool
from .options import parse_options, with_requirements
from .ports import Admission, Document, EngineDirectory, PageCounter
from .requirements import parse_requirements
from .selector import select

__all__ = ["JobReading"]

log = logging.getLogger("maoocr.jobs")

DOCUMENTS_AT_HAND = 16
"""Documents that stay in the spool while their pages are read."""
MOST_CLAIMS = 25
"""After which a page is given up: whoever takes it seems to die of it."""
REFUSED_S = 2.0
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 1.0, 60.0


class JobReading:
    """Reads claimed pages through the pool, as work in the background."""

    def __init__(
        self,
        pool: BackgroundPool,
        engines: EngineDirectory,
        counter: PageCounter,
        spool: Spool,
        blobs: Blobs,
        cache: JobCache,
        limits: LimitSettings,
        attempts: int,
    ) -> None:
        """Make it.

        Args:
            pool: reads the pages.
            engines: there are.
            counter: of pages.
            spool: where lanes open documents.
            blobs: where documents of jobs lie.
            cache: of answers.
            limits: of a single document.
            attempts: at a page that fails for reasons which may pass.
        """
        self._pool = pool
        self._engines = engines
        self._counter = counter
        self._spool = spool
        self._blobs = blobs
        self._cache = cache
        self._limits = limits
        self._attempts = attempts
        self._places: dict[str, Admission] = {}
        self._at_hand: OrderedDict[str, Document] = OrderedDict()
        self._counted: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def outcome(self, claim: Claim) -> Outcome:
        """Carry out a claim; never raises but for being cancelled."""
        if claim.fence > MOST_CLAIMS:
            return _spoiled("engine_lost", "Every process that began this page died.")
        try:
            return await self._carried_out(claim)
        except (ShuttingDown, EngineUnavailable, Overloaded, StorageFull, StoreUnavailable):
            # Nothing is wrong with the page.
            return Retry(REFUSED_S, has_failed=False)
        except MaoOCRError as error:
            if error.retryable:
                return self._again(claim, error.code, error.message)
            return Spoiled(PageError(error.code, error.message, error.retryable))
        except FileNotFoundError:
            # Where replicas do not share the folder, another one may have it.
            return self._again(claim, "not_found", "The upload is not in the blob store.")
        except Exception:
            log.exception("a page of a job failed", extra={"job": claim.job})
            return self._again(claim, "internal", "Something went wrong inside the service.")

    def release(self) -> None:
        """Let all documents go that are kept at hand."""
        while self._at_hand:
            self._at_hand.popitem()[1].release()

    def close(self) -> None:
        """Give the places in the pool back."""
        self.release()
        for place in self._places.values():
            place.__exit__(None, None, None)  # type: ignore[attr-defined]
        self._places.clear()

    async def _carried_out(self, claim: Claim) -> Outcome:
        options = parse_options(json.loads(claim.options))
        if claim.page:
            return Read(await self._page(claim, options))
        document = await self._open(claim)
        try:
            pages = options.pages.of((await self._counter.probe(document)).pages_total)
        finally:
            document.release()
        if len(pages) > self._limits.max_pages:
            raise TooLarge(
                f"The document has {len(pages)} pages; the limit is {self._limits.max_pages}"
                " (MAOOCR_LIMITS__MAX_PAGES). Ask for some of them with `pages`."
            )
        if not pages:
            raise InvalidRequest("The document has no pages.")
        return Counted(pages)

    async def _page(self, claim: Claim, options: OcrOptions) -> PageResult:
        given = json.loads(claim.requirements) if claim.requirements else None
        requirements = parse_requirements(given) if given is not None else None
        options = with_requirements(options, requirements)
        pages = await self._pages_paid(claim, options, requirements)
        cards = self._engines.cards()
        asked = json.loads(claim.options).get("engine")
        choose = partial(
            select, requirements, asked, options.language, words=options.words, pages=pages
        )
        selection = choose(cards)
        by_type = type_plans(requirements, asked, selection, cards, choose)
        kind = kind_named(claim.kind)
        key = self._cache.key(claim.sha256, kind, options, selection, by_type, cards)
        known = await self._cache.get(key)
        if known is not None:
            return known
        document = await self._open(claim)
        try:
            task = PageTask(claim.sha256, document.kind, claim.page, options)
            page = await read_by_type(task, selection, by_type, prices_of(cards), self._place)
        finally:
            document.release()
        await self._cache.set(key, page, selection)
        return page

    async def _pages_paid(
        self, claim: Claim, options: OcrOptions, requirements: Requirements | None
    ) -> int:
        """Pages of the document that money or time is to suffice for; 1 without such a limit."""
        if requirements is None or (
            requirements.max_cost is None and requirements.max_seconds is None
        ):
            return 1
        if not kind_named(claim.kind).paged:
            return 1
        name = (claim.sha256, str(options.pages))
        if name not in self._counted:
            document = await self._open(claim)
            try:
                probe = await self._counter.probe(document)
                self._counted[name] = len(options.pages.of(probe.pages_total))
            finally:
                document.release()
            while len(self._counted) > DOCUMENTS_AT_HAND:
                self._counted.popitem(last=False)
        return self._counted[name]

    async def _open(self, claim: Claim) -> Document:
        """The document in the spool, which the caller releases; a second hold keeps it at hand."""
        fetch = partial(self._blobs.fetch, claim.blob)
        kind = kind_named(claim.kind)
        if claim.blob in self._at_hand:
            self._at_hand.move_to_end(claim.blob)
        else:
            kept = await self._spool.bring(claim.sha256, claim.size, kind, fetch)
            if claim.blob in self._at_hand:
                kept.release()
            else:
                self._at_hand[claim.blob] = kept
            while len(self._at_hand) > DOCUMENTS_AT_HAND:
                self._at_hand.popitem(last=False)[1].release()
        return await self._spool.bring(claim.sha256, claim.size, kind, fetch)

    def _place(self, engine: str) -> Admission:
        if engine not in self._places:
            self._places[engine] = self._pool.background(engine).__enter__()
        return self._places[engine]

    def _again(self, claim: Claim, code: str, message: str) -> Outcome:
        if claim.attempts + 1 >= self._attempts:
            return _spoiled(code, message)
        return Retry(min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2**claim.attempts))


def _spoiled(code: str, message: str) -> Spoiled:
    return Spoiled(PageError(code, message, retryable=True))
