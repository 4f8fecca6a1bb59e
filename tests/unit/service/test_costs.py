"""What a month cost: places, projections, what no answer came of."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from maoocr.service.costs import Costs, Place
from maoocr.service.recorder import Outcome
from maoocr.settings import CostSettings
from maoocr.store.history_row import HistoryRow
from maoocr.store.ledger import LedgerSum, Paid
from maoocr.store.ledger_entry import LedgerEntry

PLACES: Mapping[str, Place] = {"gpu": "local", "cloud": "remote", "cheap": "remote"}
CLOUD = LedgerEntry("page", "vlm", "cloud", 100, 100, 1000, 10, 10**6, 2 * 10**9)
CHAT = LedgerEntry("chat", "vlm", "cloud", 0, 5, 50, 5, 10**6, 10**9)
LANE = LedgerEntry("page", "ppocr", "", 900, 0, 0, 0, 10**8, 0)
OLD = LedgerEntry("page", "old", "gone", 1, 1, 1, 1, 1, 5)
FREE = LedgerEntry("page", "old", "free", 1, 1, 1, 1, 1, 0)
BOTH = LedgerEntry("page", "both", "gpu,cheap", 1, 2, 1, 1, 1, 7)


class Rows:
    """A ledger with the same rows in every month."""

    def __init__(self, entries: Sequence[LedgerEntry], paid: Mapping[str, Paid]) -> None:
        self._entries = entries
        self._paid = dict(paid)
        self.asked: list[tuple[date, date]] = []
        self.added: list[HistoryRow] = []

    async def sums(self, owner: str | None, first: date, last: date) -> list[LedgerSum]:
        self.asked.append((first, last))
        return [LedgerSum(owner or "a", entry) for entry in self._entries]

    async def paid(self, first: date, last: date) -> dict[str, Paid]:
        return self._paid

    async def add(self, row: HistoryRow) -> Outcome:
        self.added.append(row)
        return "kept"


def costs(
    rows: Rows, now: str = "2026-11-11T00:00:00", local: str | None = "30", page: str | None = None
) -> Costs:
    settings = CostSettings(
        currency="EUR",
        local_per_month=None if local is None else Decimal(local),
        remote_per_page=None if page is None else Decimal(page),
    )
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    return Costs(rows, rows, settings, PLACES, {}, lambda: moment)


@pytest.mark.parametrize(
    ("month", "first", "last"),
    [
        (None, "2026-11-01", "2026-11-30"),
        ("2026-12-01", "2026-12-01", "2026-12-31"),
        ("2024-02-01", "2024-02-01", "2024-02-29"),
        ("2026-02-01", "2026-02-01", "2026-02-28"),
    ],
)
async def test_a_month_is_that_of_the_calendar(month: str | None, first: str, last: str) -> None:
    rows = Rows([], {})
    await costs(rows).month(date.fromisoformat(month) if month else None, None)
    assert rows.asked == [(date.fromisoformat(first), date.fromisoformat(last))]


@pytest.mark.parametrize("now", ["2026-10-31T23:59:59.999999", "2026-12-01T00:00:00"])
async def test_the_present_month_changes_at_midnight_in_utc(now: str) -> None:
    rows = Rows([], {})
    await costs(rows, now).month(None, None)
    assert rows.asked[0][0] == date.fromisoformat(now[:10]).replace(day=1)


async def test_sides_add_up_to_everything() -> None:
    found = await costs(Rows([CLOUD, CHAT, LANE, OLD, FREE, BOTH], {})).month(None, None)
    local, remote = found.side("local"), found.side("remote")
    assert (local.pages, remote.pages) == (901, 102)
    assert (local.cost_nano, remote.cost_nano) == (0, 3 * 10**9 + 12)
    assert remote.page_nano == 2 * 10**9 + 12
    assert found.fixed == 30


@pytest.mark.parametrize(
    ("now", "month", "pages"),
    [
        ("2026-11-11T00:00:00", None, 3000),
        ("2026-11-01T00:00:00", None, 30_000),
        ("2026-11-01T23:00:00", None, 30_000),
        ("2026-11-16T00:00:00", None, 2000),
        ("2026-11-11T00:00:00", "2026-10-01", 1000),
        ("2026-11-11T00:00:00", "2026-12-01", 1000),
    ],
)
async def test_projection(now: str, month: str | None, pages: int) -> None:
    first = date.fromisoformat(month) if month else None
    found = await costs(Rows([CLOUD, LANE], {}), now).month(first, None)
    assert found.projected.pages == pages
    assert found.projected.cost_nano == pages * 2 * 10**6


async def test_the_price_of_a_page_is_measured_unless_it_is_set() -> None:
    measured = (await costs(Rows([CLOUD, CHAT, LANE], {})).month(None, None)).break_even
    assert measured is not None
    assert measured.is_measured
    assert (measured.remote_per_page, measured.pages) == (Fraction(2, 100), 1500)
    assert (measured.load, measured.cheaper) == (3000, "local")
    given = (await costs(Rows([CLOUD, LANE], {}), page="0.001").month(None, None)).break_even
    assert given is not None
    assert (given.is_measured, given.pages, given.cheaper) == (False, 30_000, "remote")
    unknown = (await costs(Rows([LANE], {})).month(None, None)).break_even
    assert unknown is not None
    assert unknown.cheaper is None


async def test_what_no_answer_came_of_is_told_apart() -> None:
    paid = {"cloud": Paid(120, 1, 1, 3 * 10**9 + 500), "cheap": Paid(1, 1, 1, 7)}
    found = await costs(Rows([CLOUD, CHAT, BOTH], paid)).month(None, None)
    assert found.unanswered_nano == 500
    assert found.places["cheap"] == "remote"


async def test_one_key_sees_nothing_of_the_machine() -> None:
    found = await costs(Rows([CLOUD], {"cloud": Paid(9, 9, 9, 9**9)})).month(None, "a")
    assert (found.paid, found.fixed, found.break_even, found.is_whole) == ({}, None, None, False)
    assert found.unanswered_nano == 0


async def test_a_chat_is_a_row_that_is_only_counted() -> None:
    rows = Rows([], {})
    await costs(rows).record_chat(
        "a",
        "r",
        "vlm",
        "cloud",
        input_tokens=10,
        output_tokens=5,
        seconds=0.25,
        cost=0.1,
        pages=2,
    )
    row = rows.added[0]
    assert (row.is_kept, row.owner, row.cost, row.seconds, row.pages_done) == (
        False,
        "a",
        0.1,
        0.25,
        2,
    )
    entry = LedgerEntry("chat", "vlm", "cloud", 0, 1, 10, 5, 250_000, 100_000_000)
    assert row.entries == (entry,)
