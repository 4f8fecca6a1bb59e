"""One answer of the history: as it is added, and as it is read."""

import zlib
from dataclasses import dataclass
from datetime import datetime

import msgspec

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
