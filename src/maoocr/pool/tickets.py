"""One page that somebody waits for."""

import asyncio
from dataclasses import dataclass, field

from ..documents.kinds import Kind
from ..domain import Focus, OcrOptions, PageResult
from ..errors import MaoOCRError
from .queue import Document

__all__ = ["BatchKey", "PageTask", "Ticket", "batch_key"]

BatchKey = tuple[str, bool, bool, bool]


@dataclass(frozen=True, slots=True)
class PageTask:
    """A page to read, named so that any machine with the spool can find it.

    Attributes:
        document: SHA-256 of the upload, in hexadecimal; its name in the spool.
        page: number in the document, from 1.
        size_px: width and height where they are known before decoding; budgets a batch.
        focus: what to read of it, for engines that can be told; None for all.
        request_id: of the request that it is read for, for logs and for servers that are asked;
            lanes run outside of every request.
    """

    document: str
    kind: Kind
    page: int
    options: OcrOptions
    size_px: tuple[int, int] | None = None
    focus: Focus | None = None
    request_id: str | None = None


def batch_key(options: OcrOptions) -> BatchKey:
    """What pages must have in common to share one call of an engine.

    The other options only say how a page is decoded, which happens page by page.
    """
    return options.language, options.words, options.rotation, options.structure


@dataclass(eq=False, slots=True)
class Ticket:
    """One page in the pool, with the future of the one who waits for it.

    Attributes:
        deadline: `time.monotonic()` value after which the page is not begun any more.
        queued_at: `time.monotonic()` value.
        losses: lanes that died over this page and may have died of it.
        kills: lanes that were killed from outside while they read it.
        alone: it goes into no batch with others, since it may be what a lane died of.
    """

    task: PageTask
    key: BatchKey
    document: Document["Ticket"]
    deadline: float
    queued_at: float
    future: asyncio.Future[PageResult]
    losses: int = 0
    kills: int = 0
    alone: bool = field(default=False)

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Width and height where they are known."""
        return self.task.size_px

    @property
    def is_settled(self) -> bool:
        """It has its answer, or the caller left."""
        return self.future.done()

    def settle(self, outcome: PageResult | MaoOCRError) -> bool:
        """Answer the caller; does nothing when he has an answer already or has left."""
        if self.future.done():
            return False
        if isinstance(outcome, PageResult):
            self.future.set_result(outcome)
        else:
            self.future.set_exception(outcome)
            # Marks it as seen: a caller that is cancelled at this very moment must not log noise.
            self.future.exception()
        return True
