"""What is asked of the engines of one gateway holds for all of them.

The one that is asked does it, or refuses it; what it did is a wish that the others follow: at once
where a Redis carries the word, else when they look into the database, where those find it too that
start later or did not hear it. Each follows a wish once, and as soon as its engine has no page to
read: what an engine is loaded for after that, it is loaded for.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from ..errors import Conflict, MaoOCRError, UnknownEngine
from ..store.records import EngineWish
from .engine_states import EngineHouse, EngineState, Wanted
from .ports import Wire

__all__ = ["EVERY_S", "EngineWishes", "OtherWish", "WishRows"]

log = logging.getLogger("maoocr.engines")

TOPIC = "engines"
EVERY_S = 5.0
"""Between two looks into the database."""
AGAIN_S = 0.5
"""Between two tries to follow a wish that could not be followed yet."""
SAVE_S = 3.0
"""That whoever makes a wish waits for the database."""


class WishRows(Protocol):
    """The last wish for each engine; each call may raise `StoreUnavailable` or `StorageFull`."""

    async def all(self) -> list[EngineWish]: ...
    async def keep(self, wish: EngineWish) -> None:
        """Put it in the place of an earlier one; a later one stays."""


@dataclass(frozen=True, slots=True)
class OtherWish:
    """What was asked of all gateways, where one of them is in another state.

    Attributes:
        reason: why it is, as a sentence.
    """

    wanted: Wanted
    since: datetime
    reason: str


class EngineWishes:
    """Makes wishes and follows those of others, in one process."""

    def __init__(
        self,
        house: EngineHouse,
        rows: WishRows,
        wire: Wire,
        is_heard: Callable[[], bool | None] = lambda: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Make it.

        Args:
            house: the engines here.
            rows: where all look.
            wire: between replicas.
            is_heard: Redis is there to carry the word to others; None where there is to be none.
            now: the time, in UTC.
        """
        self._house = house
        self._rows = rows
        self._wire = wire
        self._is_heard = is_heard
        self._now = now
        self._wishes: dict[str, EngineWish] = {}
        self._open: dict[str, str] = {}
        """Wishes that are not followed yet, by engine, with the reason."""
        self._unsaved: set[str] = set()
        self._is_away = False
        self._look_at = 0.0
        self._stir = asyncio.Event()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow what was wished before this process was there, and what is, until the end."""
        await self._look()
        await self._follow()
        tasks = [asyncio.create_task(work()) for work in (self._keep, self._hear)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def load(self, engine: str) -> str:
        """Begin to load or wake an engine, here and everywhere.

        Returns:
            Why others may not follow soon, as a sentence; empty where all can.

        Raises:
            UnknownEngine: there is none of that name.
        """
        async with self._turn:
            await self._house.load(engine)
            return await self._make(engine, "loaded")

    async def unload(self, engine: str) -> str:
        """Let an engine go until it is needed, here and everywhere.

        Returns:
            As `load`.

        Raises:
            UnknownEngine: there is none of that name.
            Conflict: it cannot go here now, so nobody else is asked; says why.
        """
        async with self._turn:
            await self._house.unload(engine)
            return await self._make(engine, "unloaded")

    def other_than(self, state: EngineState) -> OtherWish | None:
        """What was asked of all gateways, where the engine is in another state here."""
        wish = self._wishes.get(state.name)
        if wish is None:
            return None
        is_up = state.state in {"loading", "ready"}
        if is_up if wish.wanted == "loaded" else state.state == "sleeping":
            return None
        reason = self._open.get(state.name) or state.reason
        if is_up and state.name not in self._open:
            reason = "It has been needed since."
            if state.endpoints:
                reason = "It has been needed since, or its servers were started again."
        return OtherWish(wish.wanted, wish.since, reason)

    async def _make(self, engine: str, wanted: Wanted) -> str:
        """Tell all others of what was done here."""
        await self._look()
        before = self._wishes.get(engine)
        since = self._now()
        if before is not None:
            # The clocks of two machines differ, and what is asked last is to count.
            since = max(since, before.since + timedelta(microseconds=1))
        wish = EngineWish(engine, wanted, since)
        self._wishes[engine] = wish
        self._open.pop(engine, None)
        self._unsaved.add(engine)
        await self._save()
        await self._wire.publish(TOPIC, _encoder.encode(wish))
        log.info("Engine wish", extra={"engine": engine, "wanted": wanted})
        return self._warning(is_saved=engine not in self._unsaved)

    def _warning(self, *, is_saved: bool) -> str:
        is_heard = self._is_heard()
        if not is_saved and is_heard:
            return "The database is away: a gateway that starts meanwhile follows when it is back."
        if not is_saved:
            return "The database is away: other gateways follow when it is back."
        if is_heard is False:
            return f"Redis is away: other gateways follow within {EVERY_S:g} s, not at once."
        return ""

    def _learn(self, wish: EngineWish) -> None:
        before = self._wishes.get(wish.engine)
        if before is not None and before.since >= wish.since:
            return
        self._wishes[wish.engine] = wish
        self._unsaved.discard(wish.engine)
        self._open[wish.engine] = "It is about to be followed here."
        self._stir.set()

    async def _save(self) -> None:
        for engine in list(self._unsaved):
            wish = self._wishes[engine]
            with self._minding():
                async with asyncio.timeout(SAVE_S):
                    await self._rows.keep(wish)
                if self._wishes[engine] is wish:
                    self._unsaved.discard(engine)

    async def _look(self) -> None:
        """Learn what the database knows."""
        with self._minding():
            async with asyncio.timeout(SAVE_S):
                rows = await self._rows.all()
            for wish in rows:
                self._learn(wish)

    async def _follow(self) -> None:
        """Do what others wished, as far as it can be done now."""
        for engine in list(self._open):
            wish = self._wishes[engine]
            try:
                await self._house.follow(engine, wish.wanted)
            except Conflict as conflict:
                reason = conflict.message
            except UnknownEngine:
                # Of a gateway with other settings.
                reason = ""
            else:
                reason = ""
                log.info("Engine wish followed", extra={"engine": engine, "wanted": wish.wanted})
            if self._wishes[engine] is not wish:
                continue
            if reason:
                self._open[engine] = reason
            else:
                self._open.pop(engine, None)

    async def _keep(self) -> None:
        """Look into the database now and then, and follow what is open."""
        clock = asyncio.get_running_loop().time
        self._look_at = clock() + EVERY_S
        while True:
            pause_s = AGAIN_S if self._open else self._look_at - clock()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stir.wait()
            self._stir.clear()
            try:
                if clock() >= self._look_at:
                    await self._save()
                    await self._look()
                    self._look_at = clock() + EVERY_S
                await self._follow()
            except Exception:
                log.exception("wishes for engines cannot be followed")

    async def _hear(self) -> None:
        async with self._wire.subscribe(TOPIC) as messages:
            self._look_soon()
            async for message in messages:
                if message is None:
                    self._look_soon()
                    continue
                try:
                    self._learn(_decoder.decode(message))
                except msgspec.DecodeError:
                    # Of another version of the service: the rows tell it too.
                    continue

    def _look_soon(self) -> None:
        """Words may have been missed."""
        self._look_at = 0.0
        self._stir.set()

    @contextmanager
    def _minding(self) -> Iterator[None]:
        """Go on without the database where it is away."""
        try:
            yield
        except (MaoOCRError, TimeoutError) as error:
            if not self._is_away:
                reason = error.message if isinstance(error, MaoOCRError) else "It does not answer."
                log.warning("wishes for engines are not kept", extra={"reason": reason})
            self._is_away = True
        else:
            self._is_away = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(EngineWish)
