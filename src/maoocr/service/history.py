"""The history: each answer a row before the reply leaves, and what is done with the rows later."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from ..domain import OcrResult, Requirements
from ..errors import MaoOCRError, StoreUnavailable
from ..settings import HistorySettings
from ..store.history import HistoryPage, HistoryTable
from ..store.history_query import Filters
from ..store.history_row import HistoryItem, HistoryRow, packed
from ..store.ids import new_id
from ..store.ledger_entry import entries_of
from ..store.originals import Originals
from ..store.search import tokens_of
from .pictured import PictureTaker
from .recorder import Outcome, Recorder

__all__ = ["Answered", "History"]

log = logging.getLogger("maoocr.history")

RETENTION_S = 600.0
"""Between two looks for what is too old or too much."""
COUNTED = timedelta(days=3)
"""For which a row that was only counted is known, should a journal bring it once more."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a row tells of its request.

    Attributes:
        id: of the row, from `History.new_id`.
        name: of the uploaded file, as the caller gave it.
        kind: of the document, by its bytes.
        answer: the reply as JSON.
        is_kept: else it is only counted in what its owner used.
    """

    id: str
    owner: str
    request_id: str
    name: str
    kind: str
    sha256: str
    size: int
    requirements: Requirements | None
    result: OcrResult
    answer: bytes
    thumbnail: bytes | None = None
    is_kept: bool = True


class History:
    """Keeps answers and gives them back, to their owners only."""

    def __init__(
        self,
        table: HistoryTable,
        recorder: Recorder,
        originals: Originals,
        settings: HistorySettings,
        pictures: PictureTaker | None = None,
    ) -> None:
        """Make it.

        Args:
            table: where rows are read.
            recorder: where they go.
            originals: uploads that are kept.
            settings: what is kept, and how long.
            pictures: takes small pictures of documents; None takes none.
        """
        self.settings = settings
        self.pictures = pictures
        self._table = table
        self._recorder = recorder
        self._originals = originals
        self._deleted = asyncio.Event()
        self._retention: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to record, and to delete what is too old."""
        await self._recorder.start()
        self._retention = asyncio.create_task(self._retain())

    async def close(self) -> None:
        """Settle what waits and end."""
        if self._retention is not None:
            self._retention.cancel()
            await asyncio.wait({self._retention})
        await self._recorder.close()

    @property
    def journal_rows(self) -> int:
        """Rows that wait for the database in the journal of this process."""
        return self._recorder.journal_rows

    def new_id(self) -> str:
        """The id that a row will have."""
        return new_id()

    async def record(self, answered: Answered) -> Outcome:
        """Return when the row is safe.

        Raises:
            StorageFull: neither the database nor the journal has room for it.
        """
        return await self._recorder.add(self._row(answered))

    async def keep_original(self, sha256: str, source: Path) -> None:
        """Copy an upload.

        Raises:
            StorageFull: there is no room.
        """
        await asyncio.to_thread(self._originals.keep, sha256, source)

    async def page(
        self, owner: str, filters: Filters, *, before: int | None, limit: int
    ) -> HistoryPage:
        """Rows of an owner, the newest first; see `HistoryTable.page`."""
        return await self._table.page(owner, filters, before=before, limit=limit)

    async def get(self, owner: str, row_id: str) -> HistoryItem | None:
        """One row of an owner."""
        return await self._table.get(owner, row_id)

    async def thumbnail(self, owner: str, row_id: str) -> bytes | None:
        """The small picture of a row."""
        return await self._table.thumbnail(owner, row_id)

    async def original(self, owner: str, row_id: str) -> tuple[Path, str] | None:
        """Where the upload of a row lies, and its name; None when it was not kept."""
        found = await self._table.original(owner, row_id)
        if found is None:
            return None
        path = self._originals.path(found[0])
        return (path, found[1]) if await asyncio.to_thread(path.is_file) else None

    async def delete(self, owner: str, row_id: str) -> bool:
        """Delete one row of an owner; whether it was there."""
        was_there = await self._table.delete(owner, row_id)
        self._deleted.set()
        return was_there

    async def delete_all(self, owner: str) -> int:
        """Delete every row of an owner; how many."""
        deleted = await self._table.delete_all(owner)
        self._deleted.set()
        return deleted

    def _row(self, answered: Answered) -> HistoryRow:
        result, kept = answered.result, self.settings.enabled and answered.is_kept
        requirements = answered.requirements
        timings = result.timings
        # Who waited for another's computation used nothing himself.
        is_new = not (result.cached or result.shared)
        return HistoryRow(
            id=answered.id,
            created_at=datetime.now(UTC),
            owner=answered.owner,
            request_id=answered.request_id,
            name=_clean(answered.name),
            kind=answered.kind,
            sha256=answered.sha256,
            size=answered.size,
            engine=result.selection.engine,
            document_type=result.document_type,
            language=result.language,
            confidence=result.confidence,
            pages_total=result.pages_total,
            pages_done=result.pages_done,
            seconds=timings.decode_s + timings.recognize_s if is_new else 0.0,
            cached=result.cached,
            requirements=msgspec.json.encode(requirements).decode() if requirements else None,
            answer=packed(answered.answer) if kept else b"",
            tokens=tokens_of(result.text) if kept else "",
            thumbnail=answered.thumbnail,
            original=answered.sha256 if kept and self.settings.keep_originals else None,
            cost=result.cost,
            is_kept=kept,
            entries=entries_of(result.pages) if is_new else (),
        )

    async def _retain(self) -> None:
        while True:
            self._deleted.clear()
            try:
                age = self.settings.max_age_days
                before = datetime.now(UTC) - timedelta(days=age) if age else None
                deleted = await self._table.prune(before=before, max_rows=self.settings.max_rows)
                await self._table.forget_counted(datetime.now(UTC) - COUNTED)
                if deleted:
                    log.info("history shortened", extra={"rows": deleted})
                await self._sweep()
            except StoreUnavailable as error:
                log.info("history not shortened", extra={"reason": error.message})
            except Exception:
                log.exception("the history cannot be shortened")
            with suppress(TimeoutError):
                async with asyncio.timeout(RETENTION_S):
                    await self._deleted.wait()

    async def _sweep(self) -> None:
        """Remove the originals that no row refers to any more."""
        try:
            names = await asyncio.to_thread(lambda: list(self._originals.old()))
            for at in range(0, len(names), 500):
                some = names[at : at + 500]
                unused = set(some) - await self._table.originals_of(some)
                await asyncio.to_thread(self._originals.remove, unused)
        except (MaoOCRError, OSError) as error:
            log.warning("originals not removed", extra={"reason": str(error)})


def _clean(name: str) -> str:
    """A file name that every database takes."""
    return name.encode("utf-8", "replace").decode().replace("\0", "")[:255]
