"""What is searched in and for: the same units for rows and for queries, on both databases.

A text becomes units with blanks between them. Where scripts put no blanks between words (Chinese,
Japanese, Korean), each pair of neighbours is a unit and the last character stands alone at the
end: `你好吗` is `你好 好吗 吗`. Elsewhere a unit is a word. So `好吗`, `吗` and `hel` (of
`hello`) are all found, and a database that knows nothing of Chinese can index it.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Term", "Wanted", "parse_query", "tokens_of"]

MAX_WORD = 64
"""Characters of a word that count; Postgres would leave out what is far longer."""

MAX_INDEX_BYTES = 900_000
"""Postgres takes at most 1 MiB of distinct units and places; this estimate keeps below it."""

MAX_PLACES = 255

SURELY_SMALL = 20_000
"""Characters up to which no text can have too many units; NFKC makes up to 18 of one."""

MAX_QUERY = 1000
"""Characters of a query that count."""

MAX_TERMS = 32

MIN_PREFIX = 2
"""Letters from which a last word stands for all that begin with it."""

# Han with its extensions, kana, Hangul, and what repeats or lengthens.
_UNSPACED = (
    "\u1100-\u11ff\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f"
    "\u3130-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_ASCII_WORD = re.compile("[a-z0-9]+")
_RUN = re.compile(f"([{_UNSPACED}]+)|([^\\W_{_UNSPACED}]+)")


@dataclass(frozen=True, slots=True)
class Term:
    """A piece of a query: units that must stand side by side.

    Attributes:
        units: at least one, of letters and digits only.
        is_prefix: the last unit may be the beginning of one.
    """

    units: tuple[str, ...]
    is_prefix: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query; a row must have all its terms."""

    terms: tuple[Term, ...]

    def for_postgres(self) -> str:
        """As the argument of `to_tsquery`.

        Neighbourhood is left to `substrings`: the places that a tsvector keeps end at 16383, which
        a long document passes.
        """
        return " & ".join(
            f"'{unit}'" + (":*" if term.is_prefix and unit is term.units[-1] else "")
            for term in self.terms
            for unit in term.units
        )

    def for_sqlite(self) -> str:
        """As the argument of FTS5's MATCH."""
        return " AND ".join(
            f'"{" ".join(term.units)}"' + ("*" if term.is_prefix else "") for term in self.terms
        )

    def substrings(self) -> tuple[str, ...]:
        """What `tokens` must have between blanks put around it; for terms of several units."""
        return tuple(
            " " + " ".join(term.units) + ("" if term.is_prefix else " ")
            for term in self.terms
            if len(term.units) > 1
        )


def tokens_of(text: str) -> str:
    """The units of a text, as the column `tokens` keeps them."""
    if text.isascii() and len(text) <= SURELY_SMALL:
        return " ".join([word[:MAX_WORD] for word in _ASCII_WORD.findall(text.lower())])
    if len(text) <= SURELY_SMALL:
        return " ".join(_units(text))
    return " ".join(_bounded(_units(text)))


def _bounded(units: Iterable[str]) -> Iterator[str]:
    """As many as Postgres can index."""
    places: dict[str, int] = {}
    size = 0
    for unit in units:
        seen = places.get(unit, 0)
        if seen < MAX_PLACES:
            size += 2 if seen else len(unit.encode()) + 6
            if size > MAX_INDEX_BYTES:
                return
            places[unit] = seen + 1
        yield unit


def parse_query(text: str) -> Wanted | None:
    """What is looked for; None when there is nothing in the text that could be found."""
    terms = []
    # Compatibility forms become blanks too, so they come first.
    words = unicodedata.normalize("NFKC", text[:MAX_QUERY]).split()
    for number, word in enumerate(words):
        term = _term(word, is_last=number == len(words) - 1)
        if term is not None:
            terms.append(term)
    return Wanted(tuple(terms[:MAX_TERMS])) if terms else None


def _term(word: str, *, is_last: bool) -> Term | None:
    runs = list(_runs(word))
    if not runs:
        return None
    *before, (run, is_unspaced) = runs
    units = [unit for each, unspaced in before for unit in _run_units(each, is_unspaced=unspaced)]
    if is_unspaced:
        # Alone it may be the first of a pair; of a longer run, its last does not stand alone here.
        units += [run] if len(run) == 1 else _run_units(run, is_unspaced=True)[:-1]
        return Term(tuple(units), len(run) == 1)
    units.append(run[:MAX_WORD])
    return Term(tuple(units), is_last and len(run) >= MIN_PREFIX)


def _units(text: str) -> Iterator[str]:
    for run, is_unspaced in _runs(text):
        yield from _run_units(run, is_unspaced=is_unspaced)


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    for found in _RUN.finditer(unicodedata.normalize("NFKC", text).lower()):
        yield found[0], found[1] is not None


def _run_units(run: str, *, is_unspaced: bool) -> list[str]:
    if not is_unspaced:
        return [run[:MAX_WORD]]
    return [run[at : at + 2] for at in range(len(run))]
