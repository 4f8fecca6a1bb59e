"""Who reads a page once it is known what is on it: a plan for each type of document. Pure.

A caller who leaves the type open gets the engine for plain text. Its reading of a page, which is
made anyway, tells what the page is; where another engine reads such pages better, it reads again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, get_args

from ..domain import DocumentType, PageResult, Requirements, Selection
from .document_type import document_type_of
from .ports import EngineCard

__all__ = ["TypePlans", "type_plans"]


@dataclass(frozen=True, slots=True)
class TypePlans:
    """The plans of one request for what its pages may turn out to be.

    Attributes:
        scout: engine that reads each page first; a part of the plan for plain text.
        plans: by type; types for which that plan stays as it is are left out.
    """

    scout: str = ""
    plans: Mapping[DocumentType, Selection] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.plans)

    def type_of(self, page: PageResult) -> DocumentType:
        """The type of a page that the scout read, where that changes the plan; else `auto`."""
        if page.source == "text_layer":
            # It is right as it is, whatever it tells of.
            return "auto"
        found = document_type_of(page).document_type
        return found if found in self.plans else "auto"


class _Choose(Protocol):
    """`select`, for one request."""

    def __call__(
        self,
        cards: Sequence[EngineCard],
        *,
        document_type: DocumentType,
        after: EngineCard | None,
    ) -> Selection: ...


def type_plans(
    requirements: Requirements | None,
    engine: str | None,
    selection: Selection,
    cards: Sequence[EngineCard],
    choose: _Choose,
) -> TypePlans:
    """The plans by type; none where the caller tells the type or the engine, or has no wishes.

    Args:
        requirements: what the caller needs.
        engine: that he asks for by name, if any.
        selection: as made without knowing the type.
        cards: of the engines, from which it was made.
        choose: makes it for a type, when an engine has read the pages already.
    """
    if requirements is None or requirements.document_type != "auto" or len(cards) == 1:
        return TypePlans()
    scout = next(it for it in cards if it.name == (selection.support or selection.engine))
    if scout.profile.kind != "ocr" or (engine and engine != "auto"):
        return TypePlans()
    after = scout if scout.name == selection.engine else None
    plans: dict[DocumentType, Selection] = {}
    for kind in get_args(DocumentType):
        if kind == "auto" or (selection.second and scout.profile.accuracy_for(kind)):
            # What the scout is not sure of goes to the second engine: a line, a table, no more.
            continue
        found = choose(cards, document_type=kind, after=after)
        if _readers(found) != _readers(selection):
            plans[kind] = found
    return TypePlans(scout.name, plans)


def _readers(selection: Selection) -> tuple[str, str, str]:
    return selection.engine, selection.second, selection.support
