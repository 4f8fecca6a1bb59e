"""What jobs need of the rooms below, as Protocols."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from ..documents.kinds import Kind
from ..outbound.post import Delivery
from ..store.job_rows import Claim, Ended, EndedPage, Job, JobStatus, NewJob, Outcome, PageKey
from ..store.webhooks import DueWebhook
from .ports import Admission, Document

__all__ = ["BackgroundPool", "Blobs", "JobRows", "PageWork", "Poster", "Spool", "WebhookRows"]


class BackgroundPool(Protocol):
    """The pool for work that can wait."""

    @property
    def pages_at_once(self) -> int:
        """That all lanes read side by side; 0 while nothing is taken."""

    def background(self, engine: str) -> AbstractContextManager[Admission]:
        """A place that takes turns with the clients and keeps nobody out."""


class Blobs(Protocol):
    """Keeps uploads of jobs, and may raise `StoreUnavailable`; see `store.blobs.BlobStore`."""

    async def put(self, key: str, source: Path) -> None: ...
    async def fetch(self, key: str, target: Path) -> None: ...
    async def remove(self, group: str) -> None: ...
    async def groups(self) -> list[str]: ...
    async def look(self) -> None: ...


class Spool(Protocol):
    """Where lanes open documents."""

    def path(self, sha256: str) -> Path: ...
    async def bring(
        self, sha256: str, size: int, kind: Kind, fetch: Callable[[Path], Awaitable[None]]
    ) -> Document: ...


class JobRows(Protocol):
    """Jobs; each call may raise `StoreUnavailable`. See `store.jobs.JobStore`."""

    async def create(self, new: NewJob) -> tuple[Job, bool]: ...
    async def get(self, owner: str, job: str) -> Job: ...
    async def list(
        self, owner: str, *, limit: int, before: str | None = None, status: str | None = None
    ) -> Sequence[Job]: ...
    async def pages(
        self, job: str, *, after: int = 0, file: int | None = None, limit: int = 100
    ) -> Sequence[EndedPage]: ...
    async def cancel(self, owner: str, job: str) -> Job: ...
    async def ended_among(self, ids: Iterable[str]) -> dict[str, JobStatus]: ...
    async def known_among(self, ids: Iterable[str]) -> frozenset[str]: ...
    async def open_count(self) -> int: ...
    async def forget(self, older_than: timedelta, limit: int = 100) -> int: ...


class Poster(Protocol):
    """Delivers webhooks; see `outbound.post`."""

    async def check(self, url: str) -> None: ...
    async def post(self, url: str, body: bytes, secret: str) -> Delivery: ...


class WebhookRows(Protocol):
    """Deliveries; each call may raise `StoreUnavailable`. See `store.webhooks`."""

    async def take(self, lease_s: float) -> DueWebhook | None: ...
    async def record(
        self, due: DueWebhook, entry: dict[str, Any], status: str, again_s: float | None
    ) -> None: ...
    async def state(self, job: Job) -> dict[str, Any] | None: ...


class PageWork(Protocol):
    """The pages that wait; each call may raise `StoreUnavailable`. See `store.job_pages`."""

    async def claim(self, most: int) -> Sequence[Claim]: ...
    async def next_in_s(self) -> float | None: ...
    async def renew(self) -> frozenset[tuple[PageKey, int]]: ...
    async def write(self, outcomes: Sequence[tuple[Claim, Outcome]]) -> Ended: ...
    async def give_back(self, claims: Collection[Claim]) -> None: ...
    async def wait_ready(self) -> None:
        """Return when the database can be used."""
