"""What the use cases need of the rooms below, as Protocols. `bootstrap` brings the real ones."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ..documents.kinds import Kind
from ..domain import PageResult
from ..engines.base import EngineInfo
from ..pool import PageTask

__all__ = [
    "Admission",
    "Document",
    "EngineCard",
    "EngineDirectory",
    "PageCounter",
    "PagePool",
    "ResultCache",
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
