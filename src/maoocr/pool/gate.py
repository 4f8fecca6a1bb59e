"""Admission: is there room for one more document? Pure; time is passed in.

Lanes are shared in turns, by clients and then by documents, so that a new document of n pages does
not wait for everything before it: of each other document of its client at most n pages go first,
and of each other client at most as many as of its own. (Processor sharing; Kleinrock, Queueing
Systems II, 4.4.)
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import Overloaded

__all__ = ["Gate", "Place"]

LEAST_RETRY_SECONDS = 1.0
MOST_RETRY_SECONDS = 120.0


@dataclass(eq=False, slots=True)
class Place:
    """The room that one admitted document takes.

    Attributes:
        remaining: pages that are not read yet.
    """

    client: str
    remaining: int


class Gate:
    """Counts the documents of one engine and estimates how long a new one would wait."""

    def __init__(
        self,
        *,
        max_documents: int,
        max_queue_seconds: float,
        seconds_per_page: Callable[[], float],
        on_change: Callable[[int], None],
    ) -> None:
        """Make it, empty.

        Args:
            max_documents: in work or waiting at once.
            max_queue_seconds: that a document may have to wait for its share.
            seconds_per_page: as measured, of all lanes together: the inverse of the drain rate.
            on_change: is given the number of documents.
        """
        self._max_documents = max_documents
        self._max_queue_seconds = max_queue_seconds
        self._seconds_per_page = seconds_per_page
        self._on_change = on_change
        self._places: set[Place] = set()
        self._last_turn = 0.0
        self.emptied = asyncio.Event()
        """Set while no document is here."""
        self.emptied.set()

    def __len__(self) -> int:
        return len(self._places)

    def admit(self, pages: int, client: str, now: float, deadline: float) -> Place:
        """Take room for a document.

        Raises:
            Overloaded: there is none; `retry_after_s` tells when there should be.
        """
        self.check(pages, client, now, deadline)
        place = Place(client, pages)
        self._places.add(place)
        self._changed()
        return place

    def check(self, pages: int, client: str, now: float, deadline: float) -> None:
        """Refuse what `admit` would refuse, and take no room.

        Raises:
            Overloaded: as `admit`.
        """
        rate = self._seconds_per_page()
        self._count(client, now, pages * rate)
        wait_s = self._pages_before(pages, client) * rate
        if wait_s > self._max_queue_seconds:
            raise self._overloaded(
                f"The document would wait {wait_s:.0f} s for its turn; the limit is"
                f" {self._max_queue_seconds:g} s (MAOOCR_POOL__MAX_QUEUE_SECONDS).",
                now,
                wait_s - self._max_queue_seconds,
                pages * rate,
            )
        left_s = deadline - now
        # With nobody before it, refusing it would not help anybody: it may still be in time.
        if wait_s > 0 and wait_s + pages * rate > left_s:
            raise self._overloaded(
                f"The document would be done in {wait_s + pages * rate:.0f} s, but only"
                f" {max(0.0, left_s):.0f} s are left (MAOOCR_LIMITS__REQUEST_SECONDS).",
                now,
                min(wait_s, wait_s + pages * rate - left_s),
                pages * rate,
            )

    def release(self, place: Place) -> None:
        """Give the room back; does nothing the second time."""
        self._places.discard(place)
        self._changed()

    def _count(self, client: str, now: float, work_s: float) -> None:
        """Refuse above the number of documents; the last eighth is kept for other clients."""
        here = len(self._places)
        is_known = any(place.client == client for place in self._places)
        limit = self._max_documents - (self._max_documents // 8 if is_known else 0)
        if here < limit:
            return
        least = min((place.remaining for place in self._places), default=0)
        before = sum(min(place.remaining, least) for place in self._places)
        raise self._overloaded(
            f"{here} documents are in work or waiting; the limit is {limit} (of"
            f" {self._max_documents} an eighth is for clients that have none;"
            " MAOOCR_POOL__MAX_DOCUMENTS).",
            now,
            before * self._seconds_per_page(),
            work_s,
        )

    def _overloaded(self, message: str, now: float, wait_s: float, work_s: float) -> Overloaded:
        """Send each caller back at another time, one after the other at the pace of the lanes.

        Told the same moment, all who were refused would come again together, and all but one of
        them in vain.
        """
        soonest = turn = now + max(LEAST_RETRY_SECONDS, wait_s)
        if self._last_turn > now:
            turn = max(soonest, self._last_turn + work_s)
        self._last_turn = max(soonest, min(turn, now + MOST_RETRY_SECONDS))
        return Overloaded(message, retry_after_s=self._last_turn - now)

    def _pages_before(self, pages: int, client: str) -> int:
        """Pages of others that go before the last one of a new document."""
        others: dict[str, int] = {}
        own = 0
        for place in self._places:
            if place.client == client:
                own += min(place.remaining, pages)
            else:
                others[place.client] = others.get(place.client, 0) + place.remaining
        return own + sum(min(remaining, own + pages) for remaining in others.values())

    def _changed(self) -> None:
        self._on_change(len(self._places))
        if self._places:
            self.emptied.clear()
        else:
            self.emptied.set()
