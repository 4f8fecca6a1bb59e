"""What the use cases need of the rooms below, as Protocols. `bootstrap` brings the real ones."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from ..cache.flights import Landed
from ..cache.gcra import RateState
from ..documents.kinds import Kind
from ..documents.sandbox import Probe
from ..domain import PageResult
from ..engines.base import EngineInfo
from ..engines.profiles import EngineProfile
from ..pool import PageTask
from ..pool.pace import PaceNow, expected_read_s, expected_wait_s
from ..store.records import ApiKey, UsageDay

__all__ = [
    "Admission",
    "ApiKeyRows",
    "ChatLedger",
    "Document",
    "EngineCard",
    "EngineDirectory",
    "Flights",
    "PageCounter",
    "PagePool",
    "Rates",
    "ResultCache",
    "UsageRows",
    "Wire",
]


class Document(Protocol):
    """An upload: its hash, its kind, and a hold on its bytes."""

    @property
    def sha256(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def kind(self) -> Kind: ...

    async def keep(self) -> None:
        """Make sure that lanes can open the bytes.

        Raises:
            StorageFull: there is no room for them.
        """

    def release(self) -> None:
        """Let the bytes go; may be called more than once."""


class PageCounter(Protocol):
    """Tells how many pages a document has, and how large they are."""

    async def probe(self, document: Document) -> Probe:
        """The number of pages, and the size of the first.

        Raises:
            BadInput: the document can't be opened.
        """


class Admission(Protocol):
    """Room in the pool for the pages of one document."""

    async def read(self, task: PageTask) -> PageResult:
        """Read one page; cancelling the call tells the lane that nobody waits.

        Raises:
            MaoOCRError: the page could not be read.
        """


class PagePool(Protocol):
    """Reads pages."""

    def admit(
        self, engine: str, pages: int, *, client: str, deadline: float
    ) -> AbstractContextManager[Admission]:
        """Take room for a document, or refuse at once.

        Args:
            engine: name of the engine.
            pages: how many pages will be asked for.
            client: whose request it is; room is shared fairly among clients.
            deadline: moment of `time.monotonic()` after which the answer is worth nothing.

        Raises:
            Overloaded: no room; says when to come again.
            ShuttingDown: the pool takes nothing new.
            EngineUnavailable: no lane of this engine can be started.
            UnknownEngine: there is no such engine.
        """


@dataclass(frozen=True, slots=True)
class EngineCard:
    """What the selector knows of an engine.

    Attributes:
        profile: what it can do, and at what price.
        info: None until a lane has loaded it.
        ready: a lane can take a page.
        failure: why not, as a sentence; without one it is loading.
        pace: as measured.
        queue_pages: that wait for a lane.
        pages_in_work: that lanes read now.
        pages_at_once: that its lanes can read side by side.
        is_asleep: it has to be woken first, which takes the time of a start.
        budget_left: money that its servers may still cost today; None is no limit.
    """

    profile: EngineProfile
    info: EngineInfo | None
    ready: bool
    failure: str | None = None
    pace: PaceNow = field(default_factory=PaceNow)
    queue_pages: int = 0
    pages_in_work: int = 0
    pages_at_once: int = 1
    is_asleep: bool = False
    budget_left: float | None = None

    @property
    def name(self) -> str:
        """What callers call it."""
        return self.profile.name

    @property
    def is_broken(self) -> bool:
        """It cannot read, and does not only need time."""
        return not self.ready and self.failure is not None

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP 47 primary tags that it reads; empty where nobody knows."""
        return self.profile.languages or (self.info.languages if self.info else ())

    def seconds_per_page(self, pixels: int | None = None) -> float:
        """Of one lane, for a page of so many pixels: measured, else as its profile says."""
        measured = self.pace.of(pixels)
        return self.profile.seconds_per_page if measured is None else measured

    def wait_s(self) -> float:
        """Seconds until a lane takes the next page, as expected."""
        starts = self.is_asleep or not self.ready
        return (self.profile.startup_s if starts else 0.0) + expected_wait_s(
            self.seconds_per_page(),
            queue_pages=self.queue_pages,
            pages_in_work=self.pages_in_work,
            pages_at_once=self.pages_at_once,
        )

    def read_s(self, pages: int, pixels: int | None = None) -> float:
        """Seconds until so many pages are read, from now, as expected."""
        page_s = self.seconds_per_page(pixels)
        return self.wait_s() + expected_read_s(page_s, pages, pages_at_once=self.pages_at_once)


class EngineDirectory(Protocol):
    """The engines there are, the default first."""

    def cards(self) -> Sequence[EngineCard]: ...
    def wake(self, engine: str) -> None:
        """Begin to wake an engine that is asleep; does not wait, and never fails."""


class ResultCache(Protocol):
    """Answers by key; never an error: what can't be reached is a miss."""

    def at_hand(self, key: str) -> bytes | None:
        """What `get` would give without asking anybody outside this process."""

    async def get(self, key: str) -> bytes | None: ...
    async def set(self, key: str, value: bytes) -> None: ...
    async def purge(self, key: str) -> bool:
        """Forget one answer everywhere; tells whether it was there.

        Raises:
            CacheUnavailable: it could be forgotten in this process alone.
        """


class Flights(Protocol):
    """Identical computations that run at the same time, here or in another replica."""

    async def run(
        self, key: str, compute: Callable[[], Awaitable[bytes]], *, fresh: bool = False
    ) -> Landed:
        """The outcome of `compute()`, or of one that runs under this key already.

        Args:
            key: what makes two computations the same.
            compute: run in this call, and cancelled with it.
            fresh: an outcome that was there before the call will not do.

        Raises:
            Exception: whatever the computation raised.
        """


class Wire(Protocol):
    """Small messages by topic to everyone who listens now, in any replica; nothing is kept."""

    async def publish(self, topic: str, message: bytes) -> None:
        """Never an error: without Redis this process alone hears it."""

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[bytes | None]]:
        """Listen; what is published after this is entered will be heard.

        An item that is None says that messages may have been missed: look at the truth again.
        """


class Rates(Protocol):
    """How often each key has asked; never an error: what can't be reached is counted alone."""

    async def take(self, key: str, per_minute: int, cost: int = 1) -> RateState: ...
    async def add(self, key: str, amount: int) -> int:
        """Add to the total of this month (UTC); gives the total after it."""

    async def total(self, key: str) -> int:
        """The total of this month."""


class ApiKeyRows(Protocol):
    """API keys, kept by the hash of their secret; each call may raise `StoreUnavailable`."""

    async def add(self, key: ApiKey, secret_hash: str) -> None: ...
    async def all(self) -> list[ApiKey]: ...
    async def were_made(self) -> bool: ...
    async def find(self, secret_hash: str) -> ApiKey | None: ...
    async def revoke(self, key_id: str, moment: datetime) -> ApiKey | None: ...
    async def touch(self, key_id: str, moment: datetime) -> None: ...


class ChatLedger(Protocol):
    """Counts chats that are passed through to an endpoint."""

    async def record_chat(
        self,
        owner: str,
        request_id: str,
        engine: str,
        endpoint: str,
        *,
        input_tokens: int,
        output_tokens: int,
        seconds: float,
        cost: float,
        pages: int = 0,
    ) -> None:
        """Return when it is counted, once, for its owner and in the ledger.

        `pages` is what it takes of the owner's pages of the month.

        Raises:
            StorageFull: neither the database nor the journal has room for it.
        """


class UsageRows(Protocol):
    """What was used, by owner and day; each call may raise `StoreUnavailable`."""

    async def days(self, owner: str | None, first: date, last: date) -> list[UsageDay]: ...
    async def pages(self, owner: str, first: date, last: date) -> int: ...
