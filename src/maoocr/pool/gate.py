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
        self._count(client)
        rate = self._seconds_per_page()
        wait_s = self._pages_before(pages, client) * rate
        if wait_s > self._max_queue_seconds:
            raise _overloaded(
                f"The document would wait {wait_s:.0f} s for its turn; the limit is"
                f" {self._max_queue_seconds:g} s (MAOOCR_POOL__MAX_QUEUE_SECONDS).",
                wait_s - self._max_queue_seconds,
            )
        left_s = deadline - now
        # With nobody before it, refusing it would not help anybody: it may still be in time.
        if wait_s > 0 and wait_s + pages * rate > left_s:
            raise _overloaded(
                f"The document would be done in {wait_s + pages * rate:.0f} s, but only"
                f" {max(0.0, left_s):.0f} s are left (MAOOCR_LIMITS__REQUEST_SECONDS).",
                min(wait_s, wait_s + pages * rate - left_s),
            )
        place = Place(client, pages)
        self._places.add(place)
        self._changed()
        return place

    def release(self, place: Place) -> None:
        """Give the room back; does nothing the second time."""
        self._places.discard(place)
        self._changed()

    def _count(self, client: str) -> None:
        """Refuse above the number of documents; the last eighth is kept for other clients."""
        here = len(self._places)
        is_known = any(place.client == client for place in self._places)
        limit = self._max_documents - (self._max_documents // 8 if is_known else 0)
        if here < limit:
            return
        least = min((place.remaining for place in self._places), default=0)
        before = sum(min(place.remaining, least) for place in self._places)
        raise _overloaded(
            f"{here} documents are in work or waiting; the limit is {limit} (of"
            f" {self._max_documents} an eighth is for clients that have none;"
            " MAOOCR_POOL__MAX_DOCUMENTS).",
            before * self._seconds_per_page(),
        )

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


def _overloaded(message: str, retry_after_s: float) -> Overloaded:
    return Overloaded(message, retry_after_s=max(LEAST_RETRY_SECONDS, retry_after_s))
