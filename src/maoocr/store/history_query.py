"""Which rows of the history are found, as each database is best asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, column, func, literal_column, select, table

from .search import Wanted
from .tables import history

__all__ = ["Filters", "rows_found"]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows are listed; None leaves a filter out.

    Attributes:
        since: the first moment.
        until: the moment after the last.
    """

    wanted: Wanted | None = None
    since: datetime | None = None
    until: datetime | None = None
    engine: str | None = None
    document_type: str | None = None
    min_confidence: float | None = None


def rows_found(kind: Literal["postgresql", "sqlite"], owner: str, filters: Filters) -> Select[Any]:
    """The rows of an owner that pass the filters: their seq, and the size of their answer."""
    size = func.length(history.c.answer)
    conditions = list(_conditions(filters))
    if filters.wanted is None or kind == "postgresql":
        if filters.wanted is not None:
            conditions += _matches_postgres(filters.wanted)
        return select(history.c.seq, size).where(history.c.owner == owner, *conditions)
    match = literal_column("history_search").op("MATCH")(filters.wanted.for_sqlite())
    return select(_search.c.rowid, size).where(
        match,
        _search.c.rowid == history.c.seq,
        # Written so that no index serves it: the words have to lead, in the order of rows.
        history.c.owner.concat("") == owner,
        *conditions,
    )


_search = table("history_search", column("rowid"))


def _conditions(filters: Filters) -> Iterable[ColumnElement[bool]]:
    if filters.since is not None:
        yield history.c.created_at >= filters.since
    if filters.until is not None:
        yield history.c.created_at < filters.until
    if filters.engine is not None:
        yield history.c.engine == filters.engine
    if filters.document_type is not None:
        yield history.c.document_type == filters.document_type
    if filters.min_confidence is not None:
        yield history.c.confidence >= filters.min_confidence


def _matches_postgres(wanted: Wanted) -> list[ColumnElement[bool]]:
    simple: ColumnElement[str] = literal_column("'simple'")
    vector = func.to_tsvector(simple, history.c.tokens)
    padded = literal_column("' '").concat(history.c.tokens).concat(literal_column("' '"))
    return [
        vector.bool_op("@@")(func.to_tsquery(simple, wanted.for_postgres())),
        *(func.strpos(padded, part) > 0 for part in wanted.substrings()),
    ]
