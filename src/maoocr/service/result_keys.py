"""Under which key the answer of a plan is cached: everyone who may have a part in it counts."""

from collections.abc import Sequence

from ..cache.keys import result_key
from ..domain import OcrOptions, OcrResult, PageResult, Selection
from .by_type import TypePlans
from .ports import EngineCard

__all__ = ["is_final", "is_whole", "plan_key"]

_PASSING = {"fallback", "not_reread", "truncated", "repetition", "incomplete"}
"""Flags of a page that would be read otherwise at another time, or may be."""


def plan_key(
    sha256: str,
    selection: Selection,
    by_type: TypePlans,
    cards: Sequence[EngineCard],
    options: OcrOptions,
) -> str | None:
    """The key; None while the model of one of the engines is not known.

    Args:
        sha256: of the document's bytes.
        selection: who reads, who reads again, whose lines give the places.
        by_type: the same for pages of some types.
        cards: of the engines.
        options: all of them change the answer.
    """
    known = {card.name: card.info for card in cards}
    digests: list[str] = []
    for plan in (selection, *by_type.plans.values()):
        for name in (plan.engine, plan.second, plan.support):
            info = known.get(name)
            if name and info is None:
                return None
            digests.append(f"{name}={info.model_digest}" if name and info else "")
        digests.append(f"{plan.reread_below:g}")
    if any(digests[1:3]) or by_type:
        digest = "|".join((*digests, *by_type.plans))
    else:
        digest = digests[0].partition("=")[2]
    return result_key(sha256, selection.engine, digest, options)


def is_final(page: PageResult) -> bool:
    """The page was read as the plan says, and would be again."""
    return page.error is None and not _PASSING.intersection(page.flags)


def is_whole(result: OcrResult) -> bool:
    """Every page is final: the answer may be kept under its plan's key."""
    return all(is_final(page) for page in result.pages)
