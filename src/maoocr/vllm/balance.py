"""Which endpoint takes the next call, and who takes it over when that one fails."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..errors import DeadlineExceeded, EndpointUnavailable
from .chat import ChatReply, ChatRequest, OnText
from .exchange import Answer, Progress
from .failure import CallFailed
from .health import Health
from .member import EndpointStatus, Member
from .relay import Passage

__all__ = ["Endpoints", "Waker"]


class Waker(Protocol):
    """Wakes servers that sleep."""

    @property
    def may_wake(self) -> bool:
        """One sleeps, and waking it may do."""

    @property
    def is_waking(self) -> bool:
        """One is being woken now."""

    async def sleep(self) -> list[str]:
        """Put those to sleep that have no call of ours; tells why others are not."""

    def wake(self) -> None:
        """Begin with it, where nobody has yet. Does not wait."""


@dataclass(slots=True)
class _Bill:
    """What the attempts at one call came to."""

    calls: int = 0
    cost: float = 0.0

    def add(self, member: Member, progress: Progress) -> None:
        self.calls += progress.calls
        self.cost += member.cost_of(progress)


class _Ear:
    """Passes text on and remembers that it did."""

    def __init__(self, on_text: OnText | None) -> None:
        self._on_text = on_text
        self.has_heard = False

    def __call__(self, piece: str) -> None:
        if self._on_text is not None:
            self.has_heard = True
            self._on_text(piece)


class Endpoints:
    """The endpoints of one engine; is a `Chat`.

    A call goes to the endpoint with the least load for its weight, of those that may get calls and
    have a free slot; it waits while none has one. When an endpoint fails before the caller heard
    any text, the next one takes the call over; each is asked once.
    """

    def __init__(
        self, members: Sequence[Member], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.members = tuple(members)
        self._clock = clock
        self._waiters: deque[asyncio.Future[None]] = deque()
        self.waker: Waker | None = None
        """Set where its servers may sleep."""
        self.used_at = clock()
        """When a call last began or ended."""
        self._lookers: list[Callable[[], None]] = []

    @property
    def concurrency(self) -> int:
        """Calls at once, all endpoints together."""
        return sum(member.endpoint.concurrency for member in self.members)

    @property
    def may_call(self) -> bool:
        """An endpoint may get calls."""
        return any(member.may_call for member in self.members)

    @property
    def is_asleep(self) -> bool:
        """No endpoint may get calls before one is woken, which is possible."""
        return not self.may_call and self.waker is not None and self.waker.may_wake

    def status(self) -> list[EndpointStatus]:
        """What there is to say of each endpoint."""
        return [member.status() for member in self.members]

    async def changed(self) -> None:
        """Return when a call has ended or a server was looked at."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def hear(self, member: Member, health: Health) -> None:
        """Learn what a look at a server found."""
        member.hear(health)
        self._wake()

    def on_look(self, looker: Callable[[], None]) -> None:
        """Have it called when somebody wants a server to be looked at."""
        self._lookers.append(looker)

    def look(self) -> None:
        """Have all servers looked at soon, as they may have changed. Returns at once."""
        for looker in self._lookers:
            looker()

    async def complete(
        self,
        request: ChatRequest | Passage,
        *,
        on_text: OnText | None = None,
        deadline: float | None = None,
    ) -> ChatReply:
        """As `Chat.complete`."""
        ear, bill, tried = _Ear(on_text), _Bill(), set[Member]()
        failure: CallFailed | None = None
        while True:
            member = await self._next(tried, failure, deadline)
            tried.add(member)
            progress, begun = Progress(), self._clock()
            try:
                answer = await member.call(request, progress, ear, deadline)
            except CallFailed as failed:
                failure = failed
                if failed.is_settled or ear.has_heard:
                    raise failed.as_error() from failed
            else:
                bill.add(member, progress)
                return self._reply(member, answer, progress, bill, self._clock() - begun)
            finally:
                self.used_at = self._clock()
                self._wake()
            bill.add(member, progress)

    def _reply(
        self, member: Member, answer: Answer, progress: Progress, bill: _Bill, seconds: float
    ) -> ChatReply:
        return ChatReply(
            text=answer.text,
            finish_reason=answer.finish_reason,
            prompt_tokens=progress.prompt_tokens,
            completion_tokens=progress.completion_tokens,
            endpoint=member.endpoint.name,
            seconds=seconds,
            first_token_s=progress.first_token_s or 0.0,
            cost=bill.cost,
            calls=bill.calls,
        )

    async def _next(
        self, tried: set[Member], failure: CallFailed | None, deadline: float | None
    ) -> Member:
        """The endpoint that takes the call, as soon as one has a free slot."""
        self.used_at = self._clock()
        while True:
            able = [m for m in self.members if m not in tried and m.may_call]
            free = [member for member in able if member.has_room]
            if free:
                return min(free, key=lambda member: (member.is_stalled, member.load))
            if not self._rouse(tried) and not able:
                raise self._nobody(failure)
            wait_s = None if deadline is None else deadline - self._clock()
            try:
                async with asyncio.timeout(wait_s):
                    await self.changed()
            except TimeoutError:
                raise DeadlineExceeded(
                    "No endpoint had a free slot in the time that the page may take."
                ) from None

    def _rouse(self, tried: set[Member]) -> bool:
        """Begin to wake those that sleep; False where there is none to wait for."""
        if self.waker is None or not self.waker.may_wake:
            return False
        self.waker.wake()
        return any(m.state == "asleep" for m in self.members if m not in tried)

    def _wake(self) -> None:
        """Let all who wait look again, the one who waited longest first."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _nobody(self, failure: CallFailed | None) -> Exception:
        if failure is not None:
            return failure.as_error()
        reasons = " ".join(member.reason for member in self.members)
        waits = [member.wait_s for member in self.members if member.wait_s is not None]
        return EndpointUnavailable(
            f"No endpoint takes the call. {reasons}".strip(),
            retry_after_s=min(waits, default=None),
        )
