"""Jobs as values: what the tables of jobs hold, without a database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ..domain import PageError, PageResult

__all__ = [
    "ENDED",
    "Claim",
    "Counted",
    "Ended",
    "EndedPage",
    "Job",
    "JobFile",
    "JobStatus",
    "NewFile",
    "NewJob",
    "Outcome",
    "PageKey",
    "Read",
    "Retry",
    "Spoiled",
]

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]

ENDED: tuple[JobStatus, ...] = ("succeeded", "failed", "cancelled")

PageKey = tuple[str, int, int]
"""Job, file and page; page 0 stands for the work of counting the file's pages."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A document of a job that is to be made; its bytes lie in the blob store already.

    Attributes:
        name: as the caller gave it.
        kind: name of its `Kind`.
        pages: how many there are; None when that has yet to be counted.
    """

    name: str
    kind: str
    sha256: str
    size: int
    blob: str
    pages: int | None


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is to be made.

    Attributes:
        options: the fields of the request that change the answer, as JSON.
        requirements: as JSON.
        request_hash: SHA-256 in hex of all that makes two requests the same.
    """

    id: str
    owner: str
    priority: int
    idempotency_key: str | None
    request_hash: str
    request_id: str
    options: str
    requirements: str | None
    webhook_url: str | None
    files: Sequence[NewFile]


@dataclass(frozen=True, slots=True)
class JobFile:
    """A document of a job; `number` counts from 1, `pages_total` is None until it is counted."""

    number: int
    name: str
    kind: str
    sha256: str
    size: int
    pages_total: int | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands.

    Attributes:
        pages_total: None until all files are counted.
        last_event: number of the last thing that happened to it.
        files: empty where they were not asked for.
    """

    id: str
    owner: str
    status: JobStatus
    priority: int
    request_hash: str
    options: str
    requirements: str | None
    webhook_url: str | None
    pages_total: int | None
    pages_done: int
    pages_failed: int
    last_event: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    files: tuple[JobFile, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Nothing happens to it any more."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class Claim:
    """A page that is leased to one runner.

    Attributes:
        page: from 1; 0 asks for the number of pages of the file.
        fence: number of this lease among all that the page ever had.
        attempts: that failed before.
        was_taken_over: the runner that had it before let its lease run out.
        request_id: of the request that made the job.
    """

    job: str
    file: int
    page: int
    fence: int
    attempts: int
    was_taken_over: bool
    sha256: str
    size: int
    kind: str
    blob: str
    options: str
    requirements: str | None
    request_id: str

    @property
    def key(self) -> PageKey:
        """Which page it is."""
        return self.job, self.file, self.page


@dataclass(frozen=True, slots=True)
class Read:
    """A page was read."""

    result: PageResult


@dataclass(frozen=True, slots=True)
class Counted:
    """A file's pages were counted; those in `pages` are to be read."""

    pages: Sequence[int]


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A page failed for good, or a file could not be counted."""

    error: PageError


@dataclass(frozen=True, slots=True)
class Retry:
    """A page is to be tried again.

    Attributes:
        after_s: seconds until anybody may take it.
        has_failed: this was an attempt; else the lease is given back as if nothing had been.
    """

    after_s: float = 0.0
    has_failed: bool = True


Outcome = Read | Counted | Spoiled | Retry


@dataclass(frozen=True, slots=True)
class EndedPage:
    """A page that has its outcome; exactly one of `result` and `error` is set."""

    event: int
    file: int
    name: str
    page: int
    result: PageResult | None
    error: PageError | None


@dataclass(frozen=True, slots=True)
class Ended:
    """What writing outcomes did.

    Attributes:
        refused: claims whose fence or lease did not hold any more, or whose job had ended.
        status: of each job that was touched, afterwards.
    """

    refused: frozenset[PageKey] = frozenset()
    status: dict[str, JobStatus] = field(default_factory=dict)
