"""What the use cases need of the rooms below, as Protocols. `bootstrap` brings the real ones."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from ..cache.flights import Landed
from ..cache.gcra import RateState
from ..documents.kinds import Kind
from ..domain import PageResult
from ..engines.base import EngineInfo
from ..pool import PageTask
from ..store.records import ApiKey, UsageDay

__all__ = [
    "Admission",
    "ApiKeyRows",
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
    """Tells how many pages a document has."""

    async def count(self, document: Document) -> int:
        """The number of pages.

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
        info: None until a lane has loaded it.
        seconds_per_page: running estimate.
        ready: a lane can take a page.
        failure: why not, as a sentence.
    """

    name: str
    info: EngineInfo | None
    seconds_per_page: float
    ready: bool
    failure: str | None = None


class EngineDirectory(Protocol):
    """The engines there are, the default first."""

    def cards(self) -> Sequence[EngineCard]: ...


class ResultCache(Protocol):
    """Answers by key; never an error: what can't be reached is a miss."""

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


class UsageRows(Protocol):
    """What was used, by owner and day; each call may raise `StoreUnavailable`."""

    async def days(self, owner: str | None, first: date, last: date) -> list[UsageDay]: ...
    async def pages(self, owner: str, first: date, last: date) -> int: ...
