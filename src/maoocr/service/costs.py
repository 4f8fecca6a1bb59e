"""What reading cost in a month, here and remotely, and chats that are passed through."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Literal, Protocol

from ..settings import CostSettings
from ..store.history_row import HistoryRow
from ..store.ids import new_id
from ..store.ledger import LedgerSum, Paid
from ..store.ledger_entry import NANO, LedgerEntry, nano
from .costs_break_even import BreakEven, break_even
from .costs_spending import Purse
from .recorder import Outcome

__all__ = ["Costs", "MonthCosts", "Place", "Projection", "Side"]

Place = Literal["local", "remote"]

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Side:
    """What was done at one place, or by one engine, or for one key.

    Attributes:
        pages: that were read; those of caches are not among them.
        calls: of endpoints.
        cost_nano: billionths of the currency, over pages and chats.
        page_nano: of them, over pages alone.
    """

    pages: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    busy_us: int = 0
    cost_nano: int = 0
    page_nano: int = 0

    @classmethod
    def of(cls, entries: Iterable[LedgerEntry]) -> "Side":
        """The sum of entries."""
        found = list(entries)
        page_nano = sum(entry.cost_nano for entry in found if entry.kind == "page")
        pages, calls, tokens_in, tokens_out, busy_us, cost_nano = (
            sum(column) for column in zip((0,) * 6, *(e.sums for e in found), strict=True)
        )
        return cls(pages, calls, tokens_in, tokens_out, busy_us, cost_nano, page_nano)

    @property
    def per_page(self) -> Fraction | None:
        """Money for a page; None without pages."""
        return Fraction(self.page_nano, self.pages * NANO) if self.pages else None


@dataclass(frozen=True, slots=True)
class Projection:
    """What the whole month comes to if it goes on like this."""

    pages: int
    cost_nano: int


@dataclass(frozen=True, slots=True)
class MonthCosts:
    """A month in UTC.

    Attributes:
        first: its first day.
        is_whole: of every key; else of one.
        sums: by key, kind, engine and endpoint.
        places: of the endpoints that the sums name.
        paid: by endpoint, with calls that no answer came of; empty for one key.
        fixed: money that the machine here costs in the month; None where nobody knows.
        projected: for the month as a whole; what it was, when it is over.
        break_even: None for one key.
    """

    first: date
    is_whole: bool
    currency: str
    sums: tuple[LedgerSum, ...]
    places: Mapping[str, Place]
    paid: Mapping[str, Paid]
    fixed: Fraction | None
    projected: Projection
    break_even: BreakEven | None

    def side(self, place: Place) -> Side:
        """What was done at a place."""
        return Side.of(s.entry for s in self.sums if self.places[s.entry.endpoint] == place)

    @property
    def unanswered_nano(self) -> int:
        """What calls cost of which no answer came: broken off, failed, or of a lost page."""
        known = sum(s.entry.cost_nano for s in self.sums)
        return max(0, sum(paid.cost_nano for paid in self.paid.values()) - known)


class LedgerRows(Protocol):
    """The ledger; each call may raise `StoreUnavailable`."""

    async def sums(self, owner: str | None, first: date, last: date) -> list[LedgerSum]: ...
    async def paid(self, first: date, last: date) -> dict[str, Paid]: ...


class Rows(Protocol):
    """Settles rows: in the database, or in the journal while it is away."""

    async def add(self, row: HistoryRow) -> Outcome: ...


class Costs:
    """Reads the ledger, and writes into it what is no answer of ours."""

    def __init__(
        self,
        recorder: Rows,
        ledger: LedgerRows,
        settings: CostSettings,
        places: Mapping[str, Place],
        purses: Mapping[str, Purse],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Make it.

        Args:
            recorder: where chats are counted.
            ledger: where months are read.
            settings: currency and prices.
            places: of the endpoints that are configured.
            purses: their budgets.
            now: the moment.
        """
        self._recorder = recorder
        self._ledger = ledger
        self._settings = settings
        self._places = places
        self._now = now
        self.purses = purses

    async def record_chat(
        self,
        owner: str,
        request_id: str,
        engine: str,
        endpoint: str,
        *,
        input_tokens: int,
        output_tokens: int,
        seconds: float,
        cost: float,
        pages: int = 0,
    ) -> None:
        """As `ChatLedger.record_chat`."""
        entry = LedgerEntry(
            "chat",
            engine,
            endpoint,
            calls=1,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            busy_us=round(seconds * 1e6),
            cost_nano=nano(cost),
        )
        row = HistoryRow.of_chat(new_id(), self._now(), owner, request_id, entry, pages)
        await self._recorder.add(row)

    async def month(self, first: date | None, owner: str | None) -> MonthCosts:
        """What a month cost.

        Args:
            first: day of the month; None for the present one.
            owner: whose; None for all.

        Raises:
            StoreUnavailable: the database is away.
        """
        now = self._now()
        first = first or now.date().replace(day=1)
        last = (first + timedelta(days=31)).replace(day=1) - DAY
        sums = tuple(await self._ledger.sums(owner, first, last))
        is_whole = owner is None
        paid = await self._ledger.paid(first, last) if is_whole else {}
        places = {s.entry.endpoint: self._place(s.entry.endpoint, s.entry.cost_nano) for s in sums}
        places |= {name: self._place(name, money.cost_nano) for name, money in paid.items()}
        side = Side.of(s.entry for s in sums)
        share = _share(first, last, now)
        cost = max(side.cost_nano, sum(money.cost_nano for money in paid.values()))
        projected = Projection(round(side.pages / share), round(cost / share))
        remote = Side.of(s.entry for s in sums if places[s.entry.endpoint] == "remote")
        return MonthCosts(
            first,
            is_whole,
            self._settings.currency,
            sums,
            places,
            paid,
            self._fixed if is_whole else None,
            projected,
            self._break_even(remote, projected.pages) if is_whole else None,
        )

    @property
    def _fixed(self) -> Fraction | None:
        money = self._settings.local_per_month
        return None if money is None else Fraction(money)

    def _break_even(self, remote: Side, load: int) -> BreakEven:
        price = self._settings.remote_per_page
        is_measured = price is None and remote.per_page is not None
        per_page = remote.per_page if price is None else Fraction(price)
        currency = self._settings.currency
        return break_even(self._fixed, per_page, load, currency, is_measured=is_measured)

    def _place(self, endpoint: str, cost_nano: int) -> Place:
        """Where it is; one that is configured no more was remote, as far as it cost money."""
        known = {self._places.get(name) for name in endpoint.split(",")}
        if "remote" in known:
            return "remote"
        return "remote" if cost_nano and known == {None} else "local"


def _share(first: date, last: date, now: datetime) -> Fraction:
    """Part of a month that is over; of one that has just begun a day, of one to come all of it."""
    begin = datetime(first.year, first.month, 1, tzinfo=UTC)
    end = begin + timedelta(days=last.day)
    if not begin <= now < end:
        return Fraction(1)
    gone_us = max(now - begin, DAY) // timedelta(microseconds=1)
    return Fraction(gone_us, (end - begin) // timedelta(microseconds=1))
