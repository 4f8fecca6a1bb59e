"""Which engine a request would have been given to, were it not asleep."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..domain import Selection
from .ports import EngineCard

__all__ = ["asleep_but_wanted"]


def asleep_but_wanted(
    selection: Selection,
    cards: Sequence[EngineCard],
    choose: Callable[[Sequence[EngineCard]], Selection],
) -> str | None:
    """The engine to wake for the requests that come after this one; mostly None.

    Args:
        selection: that was made.
        cards: of all engines, from which it was made.
        choose: makes it again from other cards.
    """
    asleep = {card.name for card in cards if card.is_asleep}
    if not asleep:
        return None
    awake = [
        replace(card, is_asleep=False, ready=True, failure=None) if card.is_asleep else card
        for card in cards
    ]
    wanted = choose(awake)
    taken = {selection.engine, selection.second}
    return next((n for n in (wanted.engine, wanted.second) if n in asleep - taken), None)
