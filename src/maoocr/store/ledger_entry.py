"""What one answer puts into the ledger: whole numbers, so that no sum drifts."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from ..domain import PageResult

__all__ = ["NANO", "EntryKind", "LedgerEntry", "entries_of", "entry_of", "nano"]

NANO = 1_000_000_000
"""Billionths in one unit of the currency: a token costs some tens of them."""

MOST_MONEY = 1e9
"""More than one answer can cost; keeps a wrong price from breaking the sums."""
MOST_NAME_CHARACTERS = 255

EntryKind = Literal["page", "chat"]


class LedgerEntry(msgspec.Struct, frozen=True):
    """What one engine, with the endpoints that it asked, took for an answer.

    Attributes:
        kind: pages that were read, or a chat that was passed through.
        endpoint: empty for a lane of this machine; names with commas between where there were some.
        pages: that were read.
        calls: of endpoints.
        busy_us: microseconds that the engine worked.
        cost_nano: billionths of the currency.
    """

    kind: EntryKind
    engine: str
    endpoint: str
    pages: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    busy_us: int = 0
    cost_nano: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """Entries with the same key add up."""
        return self.kind, self.engine, self.endpoint

    @property
    def sums(self) -> tuple[int, int, int, int, int, int]:
        """In the order of the columns."""
        return (
            self.pages,
            self.calls,
            self.input_tokens,
            self.output_tokens,
            self.busy_us,
            self.cost_nano,
        )

    def __add__(self, other: "LedgerEntry") -> "LedgerEntry":
        sums = (a + b for a, b in zip(self.sums, other.sums, strict=True))
        return LedgerEntry(self.kind, self.engine, self.endpoint, *sums)


def nano(money: float) -> int:
    """Money in billionths, rounded once."""
    return round(min(max(money, 0.0), MOST_MONEY) * NANO)


def entry_of(page: PageResult) -> LedgerEntry | None:
    """What a page took; None where it came from a cache and took nothing."""
    busy_us, spent = round((page.decode_s + page.recognize_s) * 1e6), page.spent
    if spent is None and not busy_us:
        return None
    return LedgerEntry(
        "page",
        page.engine,
        spent.endpoint[:MOST_NAME_CHARACTERS] if spent is not None else "",
        pages=int(page.error is None),
        calls=spent.calls if spent is not None else 0,
        input_tokens=spent.input_tokens if spent is not None else 0,
        output_tokens=spent.output_tokens if spent is not None else 0,
        busy_us=busy_us,
        cost_nano=nano(spent.cost) if spent is not None else 0,
    )


def entries_of(pages: Iterable[PageResult]) -> tuple[LedgerEntry, ...]:
    """What the pages of an answer took, one entry for each engine and endpoint."""
    found: dict[tuple[str, str, str], LedgerEntry] = {}
    for entry in map(entry_of, pages):
        if entry is not None:
            known = found.get(entry.key)
            found[entry.key] = entry if known is None else known + entry
    return tuple(found.values())
