"""Which engine is better for a request than another one: what each would offer, put in order."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..domain import AccuracyRequirement, DocumentType, Requirements
from .ports import EngineCard

__all__ = ["Need", "Prospect", "best_second", "prospect_of", "ranked"]

_GOOD_ENOUGH: dict[AccuracyRequirement, int] = {"low": 2, "medium": 3, "high": 5}
"""Accuracy class above which more of it is worth neither money nor time."""
_BUCKET = math.log(1.25)
"""Times that differ by less than about a quarter count as the same: plans should not flicker."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one request asks for.

    Attributes:
        requirements: as the caller gave them; None when he gave none.
        document_type: as asked for, else as found.
        language: primary tag or `auto`.
        words: polygons of words are asked for.
        pages: to be read.
        pixels: of a page, where that is known.
        after: engine that has to read the pages before any other one does.
    """

    requirements: Requirements | None
    document_type: DocumentType = "auto"
    language: str = "auto"
    words: bool = False
    pages: int = 1
    pixels: int | None = None
    after: EngineCard | None = None

    @property
    def told(self) -> Requirements:
        """The requirements, or those of a caller who needs nothing in particular."""
        return self.requirements or Requirements()

    @property
    def is_fast(self) -> bool:
        """Somebody sits and waits."""
        return self.told.real_time or self.told.speed_requirement == "high"

    @property
    def is_thrifty(self) -> bool:
        """Nobody waits."""
        return self.told.batch_processing or self.told.speed_requirement == "low"

    @property
    def accuracy(self) -> int:
        """Class that is good enough."""
        enough = _GOOD_ENOUGH[self.told.accuracy_requirement]
        return enough - 1 if self.is_fast and enough < 5 else enough

    @property
    def wants_second(self) -> bool:
        """What the first engine is not sure of is to be read again."""
        needs = self.told
        return needs.accuracy_requirement == "high" or needs.min_confidence is not None


@dataclass(frozen=True, slots=True)
class Prospect:
    """What one engine would offer.

    Attributes:
        place: among the engines of the server, from 0, the default.
        accuracy: class for this type of document; 0 where it reads it as lines of text only.
        seconds: until all pages are read, as expected.
        cost: money for all pages, as expected.
        lacks_type: it does not read this type of document as what it is.
        lacks_language: it is not made for this language.
        lacks_words: it knows no place of words, and they are asked for.
        is_late: it would take longer than `max_seconds`.
    """

    card: EngineCard
    place: int
    accuracy: int
    seconds: float
    cost: float
    lacks_type: bool
    lacks_language: bool
    lacks_words: bool
    is_late: bool

    @property
    def name(self) -> str:
        """Of the engine."""
        return self.card.name

    @property
    def lacks(self) -> tuple[bool, bool, bool]:
        """The gravest first."""
        return self.lacks_type, self.lacks_language, self.lacks_words


def prospect_of(card: EngineCard, place: int, need: Need) -> Prospect:
    """What an engine would offer for a request."""
    profile, limit_s = card.profile, need.told.max_seconds
    accuracy = profile.accuracy_for(need.document_type)
    seconds = card.read_s(need.pages, need.pixels)
    cost = profile.cost_per_page * need.pages
    if need.after is not None and need.after.name != card.name:
        seconds += need.after.read_s(need.pages, need.pixels)
        cost += need.after.profile.cost_per_page * need.pages
    knows = card.languages
    return Prospect(
        card,
        place,
        accuracy,
        seconds,
        cost,
        lacks_type=accuracy == 0,
        lacks_language=need.language != "auto" and bool(knows) and need.language not in knows,
        lacks_words=need.words and profile.boxes != "words",
        is_late=limit_s is not None and seconds > limit_s,
    )


def ranked(prospects: Iterable[Prospect], need: Need) -> list[Prospect]:
    """The best first.

    Who offers at least as much as another one for less money always comes before him.
    """
    if need.requirements is None:
        return sorted(prospects, key=lambda it: (it.lacks, not it.card.ready, it.place))
    return sorted(prospects, key=lambda it: _key(it, need))


def best_second(prospects: Iterable[Prospect], first: Prospect, need: Need) -> Prospect | None:
    """Who may read again what the first is not sure of, within all that was asked for."""
    most_cost, most_s = need.told.max_cost, need.told.max_seconds
    able = [
        it
        for it in prospects
        if it.card.profile.kind == "vlm"
        and it.name != first.name
        and not it.card.is_broken
        and it.accuracy >= first.accuracy
        and (most_cost is None or first.cost + it.cost <= most_cost)
        and (most_s is None or first.seconds + it.seconds <= most_s)
    ]
    if not able or first.card.profile.kind == "vlm":
        return None
    return min(able, key=lambda it: (it.lacks[:2], -it.accuracy, it.cost, _pace(it), it.place))


def _key(it: Prospect, need: Need) -> tuple[Any, ...]:
    short = max(0, need.accuracy - it.accuracy)
    if need.is_fast:
        order: tuple[Any, ...] = (_pace(it), it.cost, -it.accuracy)
    elif need.is_thrifty:
        order = (it.cost, -it.accuracy, _pace(it))
    else:
        order = (it.cost, _pace(it), -it.accuracy)
    return (it.lacks, short, *order, it.seconds, it.place)


def _pace(it: Prospect) -> int:
    return round(math.log(max(it.seconds, 1e-6)) / _BUCKET)
