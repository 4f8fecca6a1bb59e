"""Who asks, and what he may do."""

from dataclasses import dataclass

from ..errors import InvalidRequest

__all__ = ["ANYBODY", "ORDINARY", "SCOPES", "Caller", "parse_scopes"]

SCOPES = ("recognize", "jobs", "history", "v1", "admin")
"""What a key may be good for; each stands for itself, none includes another."""

ORDINARY = frozenset(SCOPES) - {"admin"}
"""What a key may do when nothing else is said."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One who was let in.

    Attributes:
        owner: whose rows he sees: the id of his key, or nothing in an open service.
        name: of the key, for people.
        scopes: some of `SCOPES`.
        is_open: there are no keys, so everybody is the same caller.
        rate_per_minute: most requests in a minute; None for no limit.
        pages_per_month: most pages in a month of the calendar, UTC; None for no limit.
    """

    owner: str
    name: str
    scopes: frozenset[str]
    is_open: bool
    rate_per_minute: int | None
    pages_per_month: int | None

    def may(self, scope: str) -> bool:
        """He has the scope."""
        return scope in self.scopes


ANYBODY = Caller("", "", ORDINARY, is_open=True, rate_per_minute=None, pages_per_month=None)
"""Everybody, while no key was made. Not an admin, or who comes first would lock the others out."""


def parse_scopes(names: list[str]) -> frozenset[str]:
    """The scopes of those names; without names the ordinary ones.

    Raises:
        InvalidRequest: there is no such scope.
    """
    for name in names:
        if name not in SCOPES:
            known = ", ".join(SCOPES)
            raise InvalidRequest(f"scopes: {name!r:.40} is not known. Known are {known}.")
    return frozenset(names) or ORDINARY
