"""Which engine reads a document, and why: a pure function of the request and the engines."""

from collections.abc import Sequence

from ..domain import Requirements, Selection
from ..errors import UnknownEngine
from .ports import EngineCard

__all__ = ["select"]

_PLAIN = {"auto", "simple_text", "receipt"}


def select(
    requirements: Requirements | None,
    engine: str | None,
    language: str,
    cards: Sequence[EngineCard],
) -> Selection:
    """Choose an engine and say why in plain words.

    Args:
        requirements: what the caller needs; None when he named none.
        engine: the engine that the caller asks for by name, if any.
        language: primary tag or `auto`.
        cards: the engines there are, the default first; never empty.

    Raises:
        UnknownEngine: there is no engine of that name.
    """
    if engine and engine != "auto":
        chosen = _named(engine, cards)
        reasons = [f"The request asks for {chosen.name}."]
    else:
        chosen = next((card for card in cards if card.ready), cards[0])
        reasons = [_why(chosen, cards)]
    reasons += _limits(requirements or Requirements(), chosen, language)
    others = tuple(card.name for card in cards if card.name != chosen.name and card.ready)
    return Selection(chosen.name, tuple(reasons), others)


def _named(engine: str, cards: Sequence[EngineCard]) -> EngineCard:
    for card in cards:
        if card.name == engine:
            return card
    names = ", ".join(card.name for card in cards)
    raise UnknownEngine(f"engine: {engine[:40]!r} is not known. Known are {names}.")


def _why(chosen: EngineCard, cards: Sequence[EngineCard]) -> str:
    if len(cards) == 1:
        return f"{chosen.name} is the only engine of this server."
    if chosen is cards[0]:
        return f"{chosen.name} is the default engine of this server."
    return f"{cards[0].name} is not ready, {chosen.name} is."


def _limits(needs: Requirements, chosen: EngineCard, language: str) -> list[str]:
    """What the choice can and can't do of what was asked."""
    name, reasons = chosen.name, []
    if needs.document_type not in _PLAIN:
        reasons.append(
            f"{name} reads a {needs.document_type.replace('_', ' ')} page as lines of text; no"
            " engine for its structure is configured."
        )
    if needs.accuracy_requirement == "high":
        reasons.append(f"No engine is more accurate than {name} here.")
    if needs.privacy == "local":
        reasons.append(f"{name} runs on this machine; nothing leaves it.")
    if needs.max_cost is not None:
        reasons.append(f"{name} costs nothing per page.")
    if needs.max_seconds is not None and chosen.seconds_per_page > needs.max_seconds:
        reasons.append(
            f"A page takes about {chosen.seconds_per_page:.2f} s, more than the"
            f" {needs.max_seconds:g} s asked for; no faster engine is configured."
        )
    if needs.min_confidence is not None:
        reasons.append("Lines of lower confidence stay as they are; no second engine is there.")
    wanted = needs.language if needs.language != "auto" else language
    reads = chosen.info.languages if chosen.info else ()
    if wanted != "auto" and reads and wanted not in reads:
        reasons.append(f"{name} is not made for the language {wanted}; its text may be wrong.")
    return reasons
