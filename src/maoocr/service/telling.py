"""What one caller is told of an answer that several may share, and whose answer it is."""

from dataclasses import replace

from ..domain import OcrResult
from .fallback import fallback_reasons
from .reading import Plan
from .reasons import money, seconds

__all__ = ["may_take", "told"]


def may_take(plan: Plan, result: OcrResult) -> bool:
    """Whether an answer computed for somebody else was read by engines that this plan allows.

    Plans that agree on the engine share one computation, but one of them may have fallbacks that
    the other one forbids.
    """
    allowed = {plan.selection.engine, *plan.selection.fallbacks}
    return all(page.engine in allowed for page in result.pages if "fallback" in page.flags)


def told(plan: Plan, result: OcrResult, took_s: float) -> OcrResult:
    """The answer with this caller's plan, and where it did not hold.

    Args:
        plan: of this caller.
        result: as computed, for him or for somebody else.
        took_s: from his request to the answer.
    """
    reasons = [*plan.selection.reasons, *fallback_reasons(plan.selection, result.pages)]
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
