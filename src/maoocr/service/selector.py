"""Which engine reads a document, and why: a pure function of the request and the engines.

Some engines are ruled out: for privacy, for money, for a budget that is used up, because they are
broken, because they would be late. Of the others the best reads, and the next ones stand by. Where
nothing is left because two wishes collide, the caller hears which two.
"""

from collections.abc import Sequence
from dataclasses import replace

from ..domain import DocumentType, Requirements, Selection
from ..errors import EngineUnavailable, ImpossibleRequirements, UnknownEngine
from .ports import EngineCard
from .ranking import Need, Prospect, best_second, prospect_of, ranked
from .reasons import (
    TYPES_IN_WORDS,
    about_doubtful_lines,
    about_limits,
    about_second,
    chosen_because,
    money,
    seconds,
)

__all__ = ["select"]

_RuledOut = dict[str, str]


def select(
    requirements: Requirements | None,
    engine: str | None,
    language: str,
    cards: Sequence[EngineCard],
    *,
    words: bool = False,
    pages: int = 1,
    pixels: int | None = None,
    document_type: DocumentType = "auto",
    after: EngineCard | None = None,
) -> Selection:
    """Choose an engine and say why in plain words.

    Args:
        requirements: what the caller needs; None when he named none, and the default engine reads.
        engine: the engine that the caller asks for by name, if any. It is taken unless privacy or
            money forbid it.
        language: primary tag or `auto`.
        cards: the engines there are, the default first; never empty.
        words: polygons of words are asked for.
        pages: to be read; time and money are those of all of them.
        pixels: of a page, where that is known.
        document_type: as the document was found to be; what the caller says goes before it.
        after: engine that reads the pages first, whose time and price come on top.

    Raises:
        UnknownEngine: there is no engine of that name.
        ImpossibleRequirements: two wishes collide; the message names them.
        EngineUnavailable: the budgets of the day of all that may read are used up.
    """
    need = _need(
        Need(requirements, document_type, language, words, pages, pixels, after), requirements
    )
    asked = _named(engine, cards) if engine and engine != "auto" else None
    prospects = [prospect_of(card, place, need) for place, card in enumerate(cards)]
    if asked is not None:
        _require_allowed(next(it for it in prospects if it.name == asked), need)
    ruled_out, colliding = _hard_limits(prospects, need)
    _require_any(prospects, ruled_out, colliding)
    if asked is None:
        _require_reader(prospects, ruled_out, colliding, need)
    left = _without_broken(prospects, ruled_out, asked)
    left = _without_late(left, ruled_out, asked, need)
    order = ranked(left, need)
    told: list[str] = []
    if asked is not None:
        order, told = _asked_first(order, asked, ruled_out)
    chosen, others = order[0], order[1:]
    reasons = told or [chosen_because(chosen, others, len(cards), need)]
    reasons += about_limits(chosen, need)
    second = best_second(left, chosen, need) if need.wants_second else None
    if second is not None:
        reasons.append(about_second(second))
        others = _beside(second, others, ruled_out, need)
    elif need.wants_second:
        reasons.append(about_doubtful_lines(chosen, tuple(ruled_out.items())))
    return Selection(
        chosen.name,
        tuple(reasons),
        tuple(it.name for it in others),
        tuple(ruled_out.items()),
        second.name if second is not None else "",
        need.told.min_confidence or 0.0 if second is not None else 0.0,
        _support(prospects, chosen),
    )


def _support(prospects: Sequence[Prospect], chosen: Prospect) -> str:
    """Who finds the lines of a page that a model reads: what it says is held against them."""
    if chosen.card.profile.kind != "vlm":
        return ""
    able = [
        it.name
        for it in prospects
        if it.card.profile.kind == "ocr" and it.card.profile.privacy == "local" and it.card.ready
    ]
    return able[0] if able else ""


def _need(need: Need, requirements: Requirements | None) -> Need:
    """With what the caller says himself."""
    if requirements is None:
        return need
    if requirements.document_type != "auto":
        need = replace(need, document_type=requirements.document_type)
    if requirements.language != "auto":
        need = replace(need, language=requirements.language)
    return need


def _named(engine: str, cards: Sequence[EngineCard]) -> str:
    names = [card.name for card in cards]
    if engine in names:
        return engine
    raise UnknownEngine(f"engine: {engine[:40]!r} is not known. Known are {', '.join(names)}.")


def _require_allowed(asked: Prospect, need: Need) -> None:
    """A wish for an engine gives way to nobody: where it collides with another one, say so."""
    limit = need.told.max_cost
    if need.told.privacy == "local" and asked.card.profile.privacy == "remote":
        raise ImpossibleRequirements(
            f"requirements.privacy and engine collide: privacy is 'local', but {asked.name} sends"
            " pages away from this site."
        )
    if limit is not None and asked.cost > limit:
        raise ImpossibleRequirements(
            f"requirements.max_cost and engine collide: {_price(asked, need)}, more than"
            f" {money(limit)}."
        )


def _hard_limits(prospects: Sequence[Prospect], need: Need) -> tuple[_RuledOut, dict[str, str]]:
    """Who may not read this whatever else is wanted, and which wish of the caller forbids it."""
    limit = need.told.max_cost
    ruled_out: _RuledOut = {}
    colliding: dict[str, str] = {}
    for it in prospects:
        left = it.card.budget_left
        if need.told.privacy == "local" and it.card.profile.privacy == "remote":
            ruled_out[it.name] = f"{it.name} sends pages away from this site."
            colliding[it.name] = "privacy"
        elif limit is not None and it.cost > limit:
            ruled_out[it.name] = f"{_price(it, need)}, more than {money(limit)}."
            colliding[it.name] = "max_cost"
        elif left is not None and (left <= 0 or it.cost > left):
            ruled_out[it.name] = f"{it.name} has {money(max(0.0, left))} left of today's budget."
    return ruled_out, colliding


def _require_any(
    prospects: Sequence[Prospect], ruled_out: _RuledOut, colliding: dict[str, str]
) -> None:
    if len(ruled_out) < len(prospects):
        return
    why = " ".join(ruled_out.values())
    if len(colliding) < len(prospects):
        raise EngineUnavailable(
            f"Today's budget of every engine that may read this is used up. {why}"
        )
    wishes = [name for name in ("privacy", "max_cost") if name in colliding.values()]
    # With one wish alone in the way, what it collides with is what the server has.
    other = "the engines of this server" if len(wishes) == 1 else f"requirements.{wishes[1]}"
    raise ImpossibleRequirements(f"requirements.{wishes[0]} and {other} collide. {why}")


def _require_reader(
    prospects: Sequence[Prospect], ruled_out: _RuledOut, colliding: dict[str, str], need: Need
) -> None:
    """Somebody reads this type of document, or nobody here does: but none is kept from it."""
    if need.told.document_type == "auto":
        return
    readers = [it.name for it in prospects if not it.lacks_type]
    if readers and all(name in colliding for name in readers):
        wish = "max_cost" if "max_cost" in (colliding[name] for name in readers) else "privacy"
        raise ImpossibleRequirements(
            f"requirements.{wish} and requirements.document_type collide: only"
            f" {' and '.join(readers)} can read {TYPES_IN_WORDS[need.document_type]} here."
            f" {' '.join(ruled_out[name] for name in readers)}"
        )


def _without_broken(
    prospects: Sequence[Prospect], ruled_out: _RuledOut, asked: str | None
) -> list[Prospect]:
    left = [it for it in prospects if it.name not in ruled_out]
    working = [it for it in left if not it.card.is_broken or it.name == asked]
    if not any(not it.card.is_broken for it in working):
        return left
    for it in left:
        if it.card.is_broken and it.name != asked:
            ruled_out[it.name] = f"{it.name} cannot be started now."
    return working


def _without_late(
    left: Sequence[Prospect], ruled_out: _RuledOut, asked: str | None, need: Need
) -> list[Prospect]:
    if all(it.is_late for it in left):
        return list(left)
    for it in left:
        if it.is_late and it.name != asked:
            told = f"more than the {need.told.max_seconds:g} s asked for"
            ruled_out[it.name] = f"{it.name} would take about {seconds(it.seconds)}, {told}."
    return [it for it in left if it.name not in ruled_out]


def _asked_first(
    order: list[Prospect], asked: str, ruled_out: _RuledOut
) -> tuple[list[Prospect], list[str]]:
    first = [it for it in order if it.name == asked]
    rest = [it for it in order if it.name != asked]
    if first:
        return first + rest, [f"The request asks for {asked}."]
    return rest, [f"The request asks for {asked}. {ruled_out[asked]} {rest[0].name} reads instead."]


def _beside(
    second: Prospect, others: Sequence[Prospect], ruled_out: _RuledOut, need: Need
) -> list[Prospect]:
    """The fallbacks that can be paid together with the second engine."""
    limit = need.told.max_cost
    if limit is None:
        return list(others)
    for it in others:
        if it.cost + second.cost > limit and it.name != second.name:
            ruled_out[it.name] = f"{_price(it, need)}, too much beside {second.name}."
    return [it for it in others if it.name not in ruled_out]


def _price(it: Prospect, need: Need) -> str:
    pages = "the page" if need.pages == 1 else f"{need.pages} pages"
    return f"{it.name} costs about {money(it.cost)} for {pages}"
