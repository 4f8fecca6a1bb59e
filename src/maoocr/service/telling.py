"""What one caller is told of an answer that several may share, and whose answer it is."""

from collections.abc import Sequence
from dataclasses import replace

from ..domain import DocumentType, OcrResult, PageResult, Selection
from .reading import Plan
from .reasons import TYPES_IN_WORDS, money, seconds

__all__ = ["may_take", "told"]


def may_take(plan: Plan, result: OcrResult) -> bool:
    """Whether an answer computed for somebody else was read by engines that this plan allows.

    Plans that agree on the engine share one computation, but one of them may have fallbacks that
    the other one forbids.
    """
    for page in result.pages:
        own = _plan_of(page, plan)
        if "fallback" in page.flags and page.engine not in (own.engine, *own.fallbacks):
            return False
    return True


def told(plan: Plan, result: OcrResult, took_s: float) -> OcrResult:
    """The answer with this caller's plan, and where it did not hold.

    Args:
        plan: of this caller.
        result: as computed, for him or for somebody else.
        took_s: from his request to the answer.
    """
    reasons = [
        *plan.selection.reasons,
        *_about_types(plan, result.pages),
        *_about_fallbacks(plan, result.pages),
    ]
    needs = plan.requirements
    if needs is not None:
        spent = result.cost
        if needs.max_seconds is not None and took_s > needs.max_seconds:
            reasons.append(
                f"The answer took {seconds(took_s)}, more than the {needs.max_seconds:g} s asked"
                " for."
            )
        if needs.max_cost is not None and spent > needs.max_cost:
            reasons.append(
                f"The answer cost {money(spent)}, more than the {money(needs.max_cost)} allowed:"
                " the pages took more tokens than expected."
            )
        if needs.document_type != "auto":
            result = replace(result, document_type=needs.document_type)
    return replace(result, selection=replace(plan.selection, reasons=tuple(reasons)))


def _plan_of(page: PageResult, plan: Plan) -> Selection:
    return plan.by_type.plans.get(page.document_type, plan.selection)


def _about_types(plan: Plan, pages: Sequence[PageResult]) -> list[str]:
    """Which pages turned out to be for another engine, and why."""
    numbers: dict[DocumentType, list[int]] = {}
    for page in pages:
        if page.document_type in plan.by_type.plans:
            numbers.setdefault(page.document_type, []).append(page.number)
    return [
        f"{_numbered(found, len(pages)).capitalize()}"
        f" {'look' if 1 < len(found) < len(pages) else 'looks'} like {TYPES_IN_WORDS[kind]}:"
        f" {plan.by_type.plans[kind].reasons[0]}"
        for kind, found in numbers.items()
    ]


def _about_fallbacks(plan: Plan, pages: Sequence[PageResult]) -> list[str]:
    """Who read what the chosen engine could not."""
    numbers: dict[tuple[str, str], list[int]] = {}
    for page in pages:
        chosen = _plan_of(page, plan).engine
        if "fallback" in page.flags and page.engine != chosen:
            numbers.setdefault((chosen, page.engine), []).append(page.number)
    return [
        f"{chosen} could not read {_numbered(found, len(pages))}; {engine} did instead."
        for (chosen, engine), found in numbers.items()
    ]


def _numbered(numbers: Sequence[int], all_: int) -> str:
    if len(numbers) == all_:
        return "the document"
    if len(numbers) == 1:
        return f"page {numbers[0]}"
    shown = ", ".join(map(str, numbers[:5]))
    return f"pages {shown}" + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")
