"""One answer of the history: as it is added, and as it is read."""

import zlib
from dataclasses import dataclass
from datetime import datetime

import msgspec

from .ledger_entry import NANO, LedgerEntry

__all__ = ["HistoryItem", "HistoryRow", "packed"]

SMALL_BYTES = 1024


class HistoryRow(msgspec.Struct, frozen=True):
    """A row that is to be added; also a record of the journal.

    Attributes:
        id: a ULID, which makes adding it twice the same as once.
        seconds: that engines worked for it.
        answer: JSON, as `packed` leaves it.
        tokens: what is searched in (`search.tokens_of`).
        original: name of the upload among the originals, where they are kept.
        cost: money, in the unit of the price list.
        is_kept: else it is only counted in what its owner used.
        entries: what it puts into the ledger.
    """

    id: str
    created_at: datetime
    owner: str
    request_id: str
    name: str
    kind: str
    sha256: str
    size: int
    engine: str
    document_type: str
    language: str
    confidence: float
    pages_total: int
    pages_done: int
    seconds: float
    cached: bool
    requirements: str | None
    answer: bytes
    tokens: str
    thumbnail: bytes | None = None
    original: str | None = None
    cost: float = 0.0
    is_kept: bool = True
    entries: tuple[LedgerEntry, ...] = ()

    @classmethod
    def of_chat(
        cls,
        row_id: str,
        moment: datetime,
        owner: str,
        request_id: str,
        entry: LedgerEntry,
        pages: int = 0,
    ) -> "HistoryRow":
        """A row that counts a chat which was passed through; of what was said nothing is kept.

        Args:
            row_id: a new id.
            moment: at which it ended.
            owner: for whom it is counted.
            request_id: of its request.
            entry: for the ledger.
            pages: that it takes of the owner's month.
        """
        return cls(
            id=row_id,
            created_at=moment,
            owner=owner,
            request_id=request_id,
            name="",
            kind="chat",
            sha256="",
            size=0,
            engine=entry.engine,
            document_type="",
            language="",
            confidence=0.0,
            pages_total=pages,
            pages_done=pages,
            seconds=entry.busy_us / 1e6,
            cached=False,
            requirements=None,
            answer=b"",
            tokens="",
            cost=entry.cost_nano / NANO,
            is_kept=False,
            entries=(entry,),
        )


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """A row that is read; `answer` is JSON."""

    id: str
    created_at: datetime
    answer: bytes

    @classmethod
    def unpacked(cls, row_id: str, created_at: datetime, answer: bytes) -> "HistoryItem":
        """From the columns of the table."""
        return cls(row_id, created_at, _unpacked(answer))


def packed(answer: bytes) -> bytes:
    """An answer as the table keeps it: JSON, by zlib where it is not small."""
    if len(answer) < SMALL_BYTES:
        return answer
    # Less memory than by default, which is taken anew from the system for each answer.
    packer = zlib.compressobj(level=1, wbits=13, memLevel=5)
    return packer.compress(answer) + packer.flush()


def _unpacked(answer: bytes) -> bytes:
    return answer if answer[:1] == b"{" else zlib.decompress(answer)
