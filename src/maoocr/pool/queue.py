"""The fair queue: who is next. Pure and synchronous; time is passed in.

Two levels of turns: clients, then the documents of a client; within a document the order of
arrival. One that was never served goes before those that were, so that a single image waits for no
more than the page in work; but only so many may do that in a row, so that a stream of newcomers
starves nobody.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["BatchPolicy", "Document", "FairQueue", "Queued"]


class Queued(Protocol):
    """What the queue knows of a ticket.

    Attributes:
        key: tickets of different keys never share a batch.
        deadline: moment after which it is not begun.
        alone: it shares a batch with nobody.
        document: whose turn it takes.
    """

    key: Any
    deadline: float
    alone: bool
    document: Any

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Width and height where they are known."""

    @property
    def is_settled(self) -> bool:
        """Nobody waits for it any more."""


MOST_OVERTAKERS = 8
"""Newcomers that may go before those who were served already, until these get every other turn."""

T = TypeVar("T", bound=Queued)
F = TypeVar("F", bound="_Flow")


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """How much one batch may hold.

    Attributes:
        max_pages: pages of one call.
        max_padded_px: widest times highest times number, over the pages whose size is known; a page
            above it on its own still goes, alone.
    """

    max_pages: int = 1
    max_padded_px: int = 100_000_000


@dataclass(eq=False, slots=True)
class _Flow:
    served: bool = field(default=False, init=False)


class _Turns(Generic[F]):
    """Who of several takes the next turn. Only those stand in it who have something waiting."""

    def __init__(self) -> None:
        self._fresh: dict[F, None] = {}
        self._ring: dict[F, None] = {}
        self._overtaken = 0

    def __len__(self) -> int:
        return len(self._fresh) + len(self._ring)

    def __iter__(self) -> Iterator[F]:
        """Everybody, the next one first."""
        if self._overtaken < MOST_OVERTAKERS:
            yield from self._fresh
            yield from self._ring
            return
        ring = iter(self._ring)
        first = next(ring, None)
        if first is not None:
            yield first
        yield from self._fresh
        yield from ring

    def join(self, flow: F) -> None:
        """Stand in line; does nothing for one who stands there."""
        if flow not in self._fresh and flow not in self._ring:
            (self._ring if flow.served else self._fresh)[flow] = None

    def leave(self, flow: F) -> None:
        self._fresh.pop(flow, None)
        self._ring.pop(flow, None)

    def served(self, flow: F) -> None:
        """He had his turn and goes to the end."""
        if flow in self._ring:
            self._overtaken = max(0, self._overtaken - 1)
        elif self._ring:
            self._overtaken += 1
        self.leave(flow)
        flow.served = True
        self._ring[flow] = None


@dataclass(eq=False, slots=True)
class _Client(_Flow, Generic[T]):
    name: str
    turns: "_Turns[Document[T]]" = field(default_factory=lambda: _Turns())
    documents: int = 0


@dataclass(eq=False, slots=True)
class Document(_Flow, Generic[T]):
    """The place of one document in the queue, from its admission to its end."""

    client: _Client[T]
    tickets: deque[T] = field(default_factory=deque)


class FairQueue(Generic[T]):
    """Tickets that wait for a lane."""

    def __init__(self, on_expired: Callable[[T], None]) -> None:
        """Make an empty queue.

        Args:
            on_expired: is given each ticket whose deadline passed while it waited.
        """
        self._on_expired = on_expired
        self._clients: dict[str, _Client[T]] = {}
        self._turns: _Turns[_Client[T]] = _Turns()
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def open(self, client: str) -> Document[T]:
        """A place for a new document; remembers who was served until it is closed."""
        owner = self._clients.setdefault(client, _Client(client))
        owner.documents += 1
        return Document(owner)

    def close(self, document: Document[T]) -> None:
        """Forget a document; tickets that still wait in it are dropped."""
        self._waiting -= len(document.tickets)
        document.tickets.clear()
        self._empty(document)
        document.client.documents -= 1
        if document.client.documents == 0:
            del self._clients[document.client.name]

    def put(self, ticket: T) -> None:
        """Append to its document."""
        ticket.document.tickets.append(ticket)
        self._join(ticket.document)

    def put_back(self, ticket: T) -> None:
        """Let a ticket that was taken already go before the others of its document."""
        ticket.document.tickets.appendleft(ticket)
        self._join(ticket.document)

    def discard(self, ticket: T) -> bool:
        """Take a ticket out; False when it does not wait here."""
        try:
            ticket.document.tickets.remove(ticket)
        except ValueError:
            return False
        self._waiting -= 1
        if not ticket.document.tickets:
            self._empty(ticket.document)
        return True

    def take(self, now: float, policy: BatchPolicy) -> list[T]:
        """The next batch: tickets of one key, in fair order, within the policy.

        Tickets that nobody waits for are dropped, expired ones are reported; neither is returned.
        A ticket that does not fit ends the batch instead of being overtaken.
        """
        first = self._next(now, lambda _: True, lambda _: True)
        if first is None:
            return []
        batch = [first]
        while len(batch) < policy.max_pages and not first.alone:
            ticket = self._next(
                now, lambda t: t.key == first.key, lambda t: _fits(batch, policy, t)
            )
            if ticket is None:
                break
            batch.append(ticket)
        return batch

    def drain(self) -> list[T]:
        """Take everything out."""
        tickets = [t for c in self._turns for d in c.turns for t in d.tickets]
        for ticket in tickets:
            self.discard(ticket)
        return tickets

    def _next(self, now: float, wanted: Callable[[T], bool], fits: Callable[[T], bool]) -> T | None:
        while True:
            stale = None
            for document in self._in_turn():
                ticket = document.tickets[0]
                if ticket.is_settled or ticket.deadline <= now:
                    stale = ticket
                    break
                if wanted(ticket):
                    if not fits(ticket):
                        return None
                    self._serve(document)
                    return ticket
            if stale is None:
                return None
            self.discard(stale)
            if not stale.is_settled:
                self._on_expired(stale)

    def _in_turn(self) -> Iterator[Document[T]]:
        for client in self._turns:
            yield from client.turns

    def _serve(self, document: Document[T]) -> None:
        document.tickets.popleft()
        self._waiting -= 1
        self._turns.served(document.client)
        document.client.turns.served(document)
        if not document.tickets:
            self._empty(document)

    def _join(self, document: Document[T]) -> None:
        self._waiting += 1
        document.client.turns.join(document)
        self._turns.join(document.client)

    def _empty(self, document: Document[T]) -> None:
        document.client.turns.leave(document)
        if not len(document.client.turns):
            self._turns.leave(document.client)


def _fits(batch: Sequence[Queued], policy: BatchPolicy, ticket: Queued) -> bool:
    if ticket.alone:
        return False
    sizes = [t.size_px for t in (*batch, ticket) if t.size_px is not None]
    widest = max((width for width, _ in sizes), default=0)
    highest = max((height for _, height in sizes), default=0)
    return widest * highest * len(sizes) <= policy.max_padded_px
