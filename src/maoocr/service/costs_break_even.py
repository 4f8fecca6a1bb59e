"""At how many pages a month the machine here is cheaper than a remote endpoint."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Literal

__all__ = ["BreakEven", "break_even", "told_money"]

Cheaper = Literal["local", "remote", "equal"]


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The comparison; money is exact.

    Attributes:
        local_per_month: what the machine here costs in a month; None where nobody knows.
        remote_per_page: None where it is neither set nor measured.
        is_measured: the price of a page is what this month's pages cost.
        load: pages of a month.
        pages: of a month, from which the machine here costs no more; None where that is never so,
            or where nobody knows.
        remote_cost: what the load would cost remotely.
        cheaper: for this load; None where nobody knows.
        sentence: all of it, for a person.
    """

    local_per_month: Fraction | None
    remote_per_page: Fraction | None
    is_measured: bool
    load: int
    pages: int | None
    remote_cost: Fraction | None
    cheaper: Cheaper | None
    sentence: str


def break_even(
    local_per_month: Fraction | None,
    remote_per_page: Fraction | None,
    load: int,
    currency: str,
    *,
    is_measured: bool = False,
) -> BreakEven:
    """Compare a fixed cost with a price per page.

    Args:
        local_per_month: money, however many pages are read; None where nobody knows.
        remote_per_page: money; None where nobody knows.
        load: pages of a month.
        currency: for the sentence.
        is_measured: the price was measured.
    """
    pages, cost, cheaper = None, None, None
    if local_per_month is None or remote_per_page is None:
        sentence = _lacking(local_per_month, remote_per_page)
    else:
        cost = remote_per_page * load
        cheaper = _cheaper(local_per_month, cost)
        if remote_per_page:
            pages = ceil(local_per_month / remote_per_page)
        elif not local_per_month:
            pages = 0
        sentence = _sentence(local_per_month, remote_per_page, load, pages, cheaper, currency)
    return BreakEven(
        local_per_month, remote_per_page, is_measured, load, pages, cost, cheaper, sentence
    )


def told_money(money: Fraction, currency: str) -> str:
    """Money as people write it: two places, or two digits where it is less than one."""
    places = 2
    while places < 9 and money and money < 1 and money * 10**places < 10:
        places += 1
    scaled = round(money * 10**places)
    written = Decimal(scaled).scaleb(-places)
    return f"{written:,.{places}f} {currency}"


def _cheaper(local: Fraction, remote: Fraction) -> Cheaper:
    if local == remote:
        return "equal"
    return "local" if local < remote else "remote"


def _lacking(local_per_month: Fraction | None, remote_per_page: Fraction | None) -> str:
    lacking = []
    if local_per_month is None:
        lacking.append("what this machine costs in a month (MAOOCR_COSTS__LOCAL_PER_MONTH)")
    if remote_per_page is None:
        lacking.append(
            "what a page costs remotely (MAOOCR_COSTS__REMOTE_PER_PAGE, or pages that were read"
            " there this month)"
        )
    return f"Nothing can be compared without knowing {' and '.join(lacking)}."


def _sentence(
    local: Fraction,
    per_page: Fraction,
    load: int,
    pages: int | None,
    cheaper: Cheaper,
    currency: str,
) -> str:
    here, page = told_money(local, currency), told_money(per_page, currency)
    rule = f"This machine costs {here} a month and a page {page} remotely, so "
    if pages is None:
        rule += "it is never the cheaper one"
    elif not pages:
        rule += "it is never the dearer one"
    else:
        rule += f"it pays from {pages:,} pages a month on"
    remote = told_money(per_page * load, currency)
    side = {
        "local": f"which this machine reads more cheaply: remotely they would cost {remote}.",
        "remote": f"which are cheaper remotely: there they would cost {remote}.",
        "equal": "which cost the same on both sides.",
    }
    return f"{rule}; this load is {load:,} pages a month, {side[cheaper]}"
