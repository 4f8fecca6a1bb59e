"""Rows on their way into the database, or into the journal while it is away.

Group commit without a timer: one writer takes whatever waits into one transaction, and what comes
meanwhile waits for the next. A row is settled when it is in the database or, on the disk, in the
journal; from there another task brings it into the database when that is back. A row that got into
both is there once, because its id is.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, Protocol, TypeVar

import msgspec

from ..errors import StorageFull, StoreUnavailable
from ..store.history_row import HistoryRow
from ..store.journal import Journal, Segment, records_in
from ..telemetry.metrics import Metrics

__all__ = ["Outcome", "Recorder", "RowStore"]

log = logging.getLogger("maoocr.history")

Outcome = Literal["kept", "deferred", "refused"]
"""In the database; in the journal; or nowhere, because the database does not take such a row."""

SLOW_S = 1.0
"""A database that takes longer for some rows counts as away: nobody waits for it."""

GATHER_ROWS, GATHER_BYTES = 200, 8 * 1024 * 1024
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
ADOPT_EVERY_S = 10.0
"""Between two looks for journals of processes that are gone."""

T = TypeVar("T")
_Waiting = tuple[HistoryRow, "asyncio.Future[Outcome]"]


class RowStore(Protocol):
    """Where the rows belong."""

    async def add(self, rows: Sequence[HistoryRow]) -> None:
        """Add rows, all or none; those whose id is there already are passed over."""


class Reachable(Protocol):
    """The database behind the store."""

    @property
    def is_ready(self) -> bool: ...
    async def wait_ready(self) -> None: ...


class Recorder:
    """Settles rows."""

    def __init__(
        self, store: RowStore, database: Reachable, journal: Journal, metrics: Metrics
    ) -> None:
        self._store = store
        self._database = database
        self._journal = journal
        self._metrics = metrics
        for outcome in ("kept", "deferred", "replayed", "refused"):
            # There from the start, or nobody would see the first one as a rise.
            metrics.history_rows.labels(outcome)
        # One thread: the journal takes one call at a time, in order.
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._pending: deque[_Waiting] = deque()
        self._woken = asyncio.Event()
        self._has_journalled = asyncio.Event()
        self._is_closing = False
        self._overdue: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._replayer: asyncio.Task[None] | None = None
        self._adopter: asyncio.Task[None] | None = None

    @property
    def journal_rows(self) -> int:
        """Rows that wait in the journal of this process."""
        return self._journal.records

    async def start(self) -> None:
        """Take over what processes that are gone left, and begin."""
        await self._on_disk(self._journal.adopt)
        self._note_journal()
        self._writer = asyncio.create_task(self._write())
        self._replayer = asyncio.create_task(self._replay())
        self._adopter = asyncio.create_task(self._adopt())

    async def close(self) -> None:
        """Settle what waits, then end. Rows in the journal stay there for the next start."""
        self._is_closing = True
        self._woken.set()
        if self._writer is not None:
            await asyncio.wait({self._writer})
        for task in (self._adopter, self._replayer, self._overdue):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        await self._on_disk(self._journal.close)
        self._disk.shutdown()

    async def add(self, row: HistoryRow) -> Outcome:
        """Return when the row is safe; it becomes so even if the caller does not wait.

        Raises:
            StorageFull: neither the database nor the journal has room for it.
        """
        settled: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._pending.append((row, settled))
        self._woken.set()
        return await settled

    async def _write(self) -> None:
        while self._pending or not self._is_closing:
            await self._woken.wait()
            self._woken.clear()
            while self._pending:
                await self._settle(self._gather())

    def _gather(self) -> list[_Waiting]:
        batch, size = [self._pending.popleft()], 0
        while self._pending and len(batch) < GATHER_ROWS and size < GATHER_BYTES:
            size += len(self._pending[0][0].answer)
            batch.append(self._pending.popleft())
        return batch

    async def _settle(self, batch: Sequence[_Waiting]) -> None:
        rows = [row for row, _ in batch]
        try:
            outcome = await self._keep(rows)
        except StorageFull as error:
            for _, settled in batch:
                if not settled.done():
                    settled.set_exception(error)
        except Exception:
            if len(batch) == 1:
                log.exception("a row of the history is refused", extra={"row": rows[0].id})
                self._end(batch, "refused")
                return
            # Something about one of them: the others must not suffer from it.
            for each in batch:
                await self._settle([each])
        else:
            self._end(batch, outcome)

    def _end(self, batch: Sequence[_Waiting], outcome: Outcome) -> None:
        self._metrics.history_rows.labels(outcome).inc(len(batch))
        for _, settled in batch:
            if not settled.done():
                settled.set_result(outcome)

    async def _keep(self, rows: Sequence[HistoryRow]) -> Outcome:
        if self._database.is_ready and self._overdue is None:
            adding = asyncio.create_task(self._store.add(rows))
            await asyncio.wait({adding}, timeout=SLOW_S)
            if not adding.done():
                # Left to end by itself: to cut it short would take as long, and tell nothing.
                self._overdue = adding
                adding.add_done_callback(self._end_overdue)
            elif not isinstance(adding.exception(), StoreUnavailable | StorageFull):
                adding.result()
                return "kept"
        records = [_encoder.encode(row) for row in rows]
        await self._on_disk(lambda: self._journal.append(records))
        self._note_journal()
        return "deferred"

    def _end_overdue(self, task: "asyncio.Task[None]") -> None:
        self._overdue = None
        if not task.cancelled() and task.exception() is not None:
            log.warning("rows were too slow and failed", extra={"reason": repr(task.exception())})

    async def _adopt(self) -> None:
        """Take over what processes leave that end while this one runs."""
        while True:
            await asyncio.sleep(ADOPT_EVERY_S)
            try:
                await self._on_disk(self._journal.adopt)
            except OSError as error:
                log.warning("journals not taken over", extra={"reason": str(error)})
            self._note_journal()

    async def _replay(self) -> None:
        """Bring what is in the journal into the database, whenever that is there."""
        wait_s = FIRST_WAIT_S
        while True:
            await self._has_journalled.wait()
            await self._database.wait_ready()
            try:
                segments = await self._on_disk(self._journal.seal)
                for segment in segments:
                    await self._replay_segment(segment)
                wait_s = FIRST_WAIT_S
            except (StoreUnavailable, StorageFull) as error:
                log.warning("journal not replayed", extra={"reason": error.message})
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            except Exception:
                log.exception("the journal cannot be replayed")
                await asyncio.sleep(LONGEST_WAIT_S)
            self._note_journal()

    async def _replay_segment(self, segment: Segment) -> None:
        records = records_in(segment.path)
        while rows := await asyncio.to_thread(_some, records):
            try:
                await self._store.add(rows)
                self._metrics.history_rows.labels("replayed").inc(len(rows))
            except (StoreUnavailable, StorageFull):
                raise
            except Exception:
                await self._replay_each(rows)
        await self._on_disk(lambda: self._journal.remove(segment))
        log.info("journal replayed", extra={"rows": segment.records})

    async def _replay_each(self, rows: Sequence[HistoryRow]) -> None:
        for row in rows:
            try:
                await self._store.add([row])
                self._metrics.history_rows.labels("replayed").inc()
            except (StoreUnavailable, StorageFull):
                raise
            except Exception:
                log.exception("a row of the history is refused", extra={"row": row.id})
                self._metrics.history_rows.labels("refused").inc()

    def _note_journal(self) -> None:
        rows = self._journal.records
        self._metrics.history_journal_rows.set(rows)
        if rows:
            self._has_journalled.set()
        else:
            self._has_journalled.clear()

    async def _on_disk(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)


def _some(records: Iterator[bytes]) -> list[HistoryRow]:
    """The next rows of a journal, at most as many as one transaction takes."""
    rows: list[HistoryRow] = []
    size = 0
    for record in records:
        try:
            rows.append(_decoder.decode(record))
        except msgspec.MsgspecError:
            log.exception("a row of the journal is not understood")
            continue
        size += len(record)
        if len(rows) >= GATHER_ROWS or size >= GATHER_BYTES:
            break
    return rows


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(HistoryRow)
