"""Why an engine was chosen, in sentences for the person who asks."""

from collections.abc import Sequence

from ..domain import DocumentType
from .ranking import Need, Prospect

__all__ = [
    "TYPES_IN_WORDS",
    "about_doubtful_lines",
    "about_limits",
    "about_second",
    "chosen_because",
    "money",
    "seconds",
]

TYPES_IN_WORDS: dict[DocumentType, str] = {
    "auto": "text",
    "simple_text": "plain text",
    "complex_layout": "pages of complex layout",
    "table": "tables",
    "formula": "formulas",
    "handwriting": "handwriting",
    "receipt": "receipts",
}


def money(amount: float) -> str:
    """An amount, in the unit of the price list."""
    return f"{amount:.4f}".rstrip("0").rstrip(".") if amount >= 0.0001 else f"{amount:g}"


def seconds(value: float) -> str:
    """A time, as exactly as an estimate can be."""
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def chosen_because(chosen: Prospect, others: Sequence[Prospect], all_: int, need: Need) -> str:
    """What decided.

    Args:
        chosen: the best.
        others: who could read it as well, in their order.
        all_: engines that the server has.
        need: of the request.
    """
    name = chosen.name
    if all_ == 1:
        return f"{name} is the only engine of this server."
    if not others:
        return f"{name} is the only engine of this server that is left."
    if need.requirements is None and chosen.place == 0:
        return f"{name} is the default engine of this server."
    # People ask why it is not the engine that reads by default; else why not the next one.
    other = next((it for it in others if it.place == 0), others[0])
    if need.requirements is None and other.lacks == chosen.lacks:
        return f"{name} is the first engine of this server that is ready."
    return _difference(chosen, other, need) or f"{name} does as well as {other.name}."


def _difference(chosen: Prospect, other: Prospect, need: Need) -> str | None:
    """In what the first is better than the next, in the order of the ranking."""
    name, what = chosen.name, TYPES_IN_WORDS[need.document_type]
    if other.lacks_type > chosen.lacks_type:
        return f"{name} reads {what}; {other.name} would read lines of text only."
    if other.lacks_language > chosen.lacks_language:
        return f"{name} reads the language {need.language}; {other.name} is not made for it."
    if other.lacks_words > chosen.lacks_words:
        return f"{name} knows the place of each word; {other.name} does not."
    if chosen.accuracy > other.accuracy and other.accuracy < need.accuracy:
        classes = f"class {chosen.accuracy} of 5 against {other.accuracy}"
        return f"{name} reads {what} better than {other.name} ({classes})."
    faster = f"{name} is faster than {other.name}: about {seconds(chosen.seconds)} against"
    faster += f" {seconds(other.seconds)}."
    if need.is_fast and chosen.seconds < other.seconds:
        return faster
    if chosen.cost < other.cost:
        return f"{name} is accurate enough, and cheaper than {other.name}."
    if chosen.seconds < other.seconds:
        return faster
    if chosen.accuracy > other.accuracy:
        return f"{name} is more accurate than {other.name} and costs no more."
    return None


def about_limits(chosen: Prospect, need: Need) -> list[str]:
    """What the choice does and does not do of what was asked."""
    name, needs, reasons = chosen.name, need.told, []
    if chosen.lacks_type:
        what = TYPES_IN_WORDS[need.document_type]
        reasons.append(f"{name} does not read {what}, only the lines of text in it.")
    if chosen.lacks_language:
        reasons.append(
            f"{name} is not made for the language {need.language}; its text may be wrong."
        )
    if chosen.lacks_words:
        reasons.append(f"{name} knows no place of single words.")
    if needs.privacy == "local":
        reasons.append(f"{name} runs on this site; no page leaves it.")
    if needs.max_cost is not None:
        cost = f"about {money(chosen.cost)}" if chosen.cost else "nothing"
        reasons.append(f"{name} costs {cost}; {money(needs.max_cost)} was allowed.")
    if needs.max_seconds is not None:
        about = f"It takes about {seconds(chosen.seconds)}"
        told = f"the {needs.max_seconds:g} s asked for"
        if chosen.is_late:
            reasons.append(f"{about}, more than {told}: no engine here is expected to be faster.")
        else:
            reasons.append(f"{about}, within {told}.")
    if chosen.card.is_asleep:
        reasons.append(f"{name} is asleep and is woken first.")
    elif not chosen.card.ready and not chosen.card.is_broken:
        reasons.append(f"{name} is still loading.")
    return reasons


def about_second(second: Prospect) -> str:
    """Who reads again."""
    return f"{second.name} reads again what is doubtful."


def about_doubtful_lines(chosen: Prospect, ruled_out: Sequence[tuple[str, str]]) -> str:
    """Why nobody reads again."""
    if chosen.card.profile.kind == "vlm":
        return f"Nobody reads again what {chosen.name} wrote."
    if ruled_out:
        return "Doubtful lines stay as they are: no engine that may read them again is left."
    return "Doubtful lines stay as they are: this server has no second engine for them."
