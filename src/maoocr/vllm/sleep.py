"""Puts servers to sleep that nobody asks, so that others get their device, and wakes them on need.

vLLM's routes for it exist with `VLLM_SERVER_DEV_MODE=1` and `--enable-sleep-mode` only, and must be
reachable on the internal network alone: `POST /sleep?level=1` takes the weights to the host's
memory, `POST /wake_up` brings them back, `GET /is_sleeping` tells (docs.vllm.ai, "Sleep Mode").
"""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ..settings import VlmSettings
from .balance import Endpoints
from .failure import CallFailed
from .health import LIMIT_S, Fetches
from .member import Member

__all__ = ["Sleeper"]

log = logging.getLogger("maoocr.vllm")

RETRY_S = 30.0
"""Seconds before a server that could not be woken is tried again."""


class Sleeper:
    """Lets the servers of one engine sleep and wakes them; a `Waker`."""

    def __init__(
        self,
        group: Endpoints,
        clients: Sequence[Fetches],
        settings: VlmSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make it; `run` watches for idleness.

        Args:
            group: of the engine.
            clients: one for each of its members, in their order.
            settings: how long it is to be idle, and how long waking may take.
            clock: seconds that only grow.
        """
        self._group = group
        self._clients = dict(zip(group.members, clients, strict=True))
        self._after_s = settings.sleep_after_seconds
        self._limit_s = settings.wake_seconds
        self._clock = clock
        self._since = clock()
        self._done = self._done_by_all()
        self._asleep: set[Member] = set()
        self._unable: dict[Member, str] = {}
        self._retry_at: dict[Member, float] = {}
        self._waking: asyncio.Task[None] | None = None
        self._turns: Counter[Member] = Counter()
        self._turn = asyncio.Lock()
        """To wake one that is just falling asleep would do nothing."""

    @property
    def is_waking(self) -> bool:
        """A server is being woken now."""
        return self._waking is not None and not self._waking.done()

    @property
    def may_wake(self) -> bool:
        """A server is asleep, and nothing is known that would keep it so."""
        return self.is_waking or bool(self._to_wake())

    def turns(self, member: Member) -> int:
        """How often it began or ended to be put to sleep or woken; odd while it is."""
        return self._turns[member]

    def was_put_to_sleep(self, member: Member) -> bool:
        """By this process, which has not woken it since."""
        return member in self._asleep

    async def run(self) -> None:
        """Watch until cancelled; returns at once where nobody is to be put to sleep."""
        if not self._after_s:
            return
        while True:
            await asyncio.sleep(max(self.rest_s(), 0.01))
            if self.rest_s() <= 0:
                await self.sleep()
                self._since = self._clock()

    async def close(self) -> None:
        """Let go of what is being woken."""
        if self._waking is not None:
            self._waking.cancel()
            await asyncio.wait({self._waking})

    def rest_s(self) -> float:
        """Seconds until they are put to sleep, unless somebody asks them."""
        done = self._done_by_all()
        if done != self._done or self._is_busy():
            # Other replicas ask the same servers; their own figures tell.
            self._done, self._since = done, self._clock()
        return max(self._since, self._group.used_at) + self._after_s - self._clock()

    async def sleep(self) -> list[str]:
        """Put those to sleep that are ready and have no call of ours; tells why others are not.

        Calls of other replicas are read to their end before.

        Never raises: a server that cannot sleep goes on.
        """
        async with self._turn:
            await asyncio.gather(*(self._sleep(member) for member in self._sleepers()))
        return [self._unable[m] for m in self._group.members if m in self._unable]

    def wake(self) -> None:
        """Begin to wake those that sleep, once at a time. Returns at once."""
        if not self.is_waking and (members := self._to_wake()):
            self._waking = asyncio.create_task(self._wake_all(members))

    def _sleepers(self) -> list[Member]:
        return [
            member
            for member in self._group.members
            if member.endpoint.is_probed
            and member.endpoint.privacy == "local"
            and member.state == "ready"
            and not member.status().in_flight
        ]

    def _to_wake(self) -> list[Member]:
        now = self._clock()
        return [
            member
            for member in self._group.members
            if member.state == "asleep" and self._retry_at.get(member, now) <= now
        ]

    def _is_busy(self) -> bool:
        members = self._group.members
        return any(member.status().in_flight for member in members) or not [
            m for m in self._sleepers() if m not in self._unable
        ]

    def _done_by_all(self) -> list[tuple[int, ...]]:
        """What changes while they work.

        That a call runs is no sign of it: one that was cancelled is counted until the next one.
        """
        figures = [member.health.figures for member in self._group.members]
        return [(f.finished, f.tokens, f.running, f.waiting) for f in figures if f is not None]

    async def _sleep(self, member: Member) -> None:
        with self._turning(member):
            await self._put_to_sleep(member)

    async def _put_to_sleep(self, member: Member) -> None:
        name, root = member.endpoint.name, member.endpoint.root
        # First: a call that begins now would find half of a model.
        self._asleep.add(member)
        asleep = replace(member.health, state="asleep", reason=f"{name} is asleep.")
        self._group.hear(member, asleep)
        # Other replicas may have calls there, which it would break off by itself: so it reads them
        # to their end first. Its figures cannot tell: after a call that was cancelled they count it
        # until the next one.
        why = await self._post(member, f"{root}/sleep?level=1&mode=wait")
        if not why and await self._told(member) is not True:
            why = f"{name} was put to sleep, but did not fall asleep."
        if why:
            self._unable[member] = why
            log.warning("Endpoint does not sleep", extra={"endpoint": name, "reason": why})
            self._awake(member)
        else:
            self._unable.pop(member, None)

    async def _wake_all(self, members: Sequence[Member]) -> None:
        async with self._turn:
            await asyncio.gather(*(self._wake(member) for member in members))

    async def _wake(self, member: Member) -> None:
        with self._turning(member):
            await self._rouse(member)

    @contextmanager
    def _turning(self, member: Member) -> Iterator[None]:
        self._turns[member] += 1
        try:
            yield
        finally:
            self._turns[member] += 1

    async def _rouse(self, member: Member) -> None:
        name, began = member.endpoint.name, self._clock()
        # Another replica may have done it.
        why = ""
        if await self._told(member) is not False:
            why = await self._post(member, f"{member.endpoint.root}/wake_up")
            if not why and await self._told(member) is not False:
                why = f"{name} was woken, but sleeps on."
        if why:
            self._retry_at[member] = self._clock() + RETRY_S
            log.warning("Endpoint does not wake", extra={"endpoint": name, "reason": why})
            self._group.hear(member, replace(member.health, reason=f"{name} is asleep. {why}"))
            return
        self._retry_at.pop(member, None)
        log.info("Endpoint woke", extra={"endpoint": name, "seconds": self._clock() - began})
        self._awake(member)

    def _awake(self, member: Member) -> None:
        self._asleep.discard(member)
        figures = member.health.figures
        if figures is not None:
            figures = replace(figures, is_asleep=False)
        health = replace(member.health, state="up", reason="", figures=figures)
        self._group.hear(member, health)

    async def is_sleeping(self, member: Member) -> bool:
        """What the server itself says; True where it says nothing."""
        return await self._told(member) is not False

    async def _told(self, member: Member) -> bool | None:
        """Whether the server says that it sleeps; None where it says nothing."""
        try:
            url = f"{member.endpoint.root}/is_sleeping"
            status, body = await self._clients[member].fetch(url, LIMIT_S)
            return bool(json.loads(body)["is_sleeping"]) if status == 200 else None
        except (CallFailed, ValueError, KeyError, TypeError):
            return None

    async def _post(self, member: Member, url: str) -> str:
        """Why it did not do that; empty when it did."""
        name = member.endpoint.name
        try:
            status, _ = await self._clients[member].fetch(url, self._limit_s, "POST")
        except CallFailed as failure:
            return failure.message
        if status in {404, 405}:
            return f"{name} has no such route: it needs VLLM_SERVER_DEV_MODE=1."
        return "" if status == 200 else f"{name} answered {status}; has it --enable-sleep-mode?"
