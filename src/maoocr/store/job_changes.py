"""What the outcome of a page changes in its row and in the row of its job."""

import json
import zlib
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row

from .job_rows import Claim, Counted, JobStatus, Outcome, Read, Retry, Spoiled

__all__ = ["Change", "packed"]


class Change:
    """What outcomes do to the row of their job."""

    def __init__(self, row: Row[Any]) -> None:
        self.status: JobStatus = row.status
        self.last_event: int = row.last_event
        self._uncounted: int = row.files_uncounted
        self._known: int = row.pages_known
        self._done: int = row.pages_done
        self._failed: int = row.pages_failed

    def add(self, claim: Claim, outcome: Outcome) -> None:
        if isinstance(outcome, Retry):
            return
        if claim.page == 0:
            self._uncounted -= 1
            self._known += len(outcome.pages) if isinstance(outcome, Counted) else 1
        if not isinstance(outcome, Counted):
            self.last_event += 1
            self._done += isinstance(outcome, Read)
            self._failed += isinstance(outcome, Spoiled)

    def values(self, now: datetime) -> dict[str, Any]:
        values: dict[str, Any] = {
            "files_uncounted": self._uncounted,
            "pages_known": self._known,
            "pages_done": self._done,
            "pages_failed": self._failed,
        }
        if not self._uncounted and self._done + self._failed == self._known:
            self.status = "succeeded" if self._done else "failed"
            self.last_event += 1
            values |= {"status": self.status, "finished_at": now}
        return values | {"last_event": self.last_event}


def packed(outcome: Outcome) -> dict[str, Any]:
    """The columns of an outcome; made before any row is held."""
    if isinstance(outcome, Retry):
        return {"status": "queued"}
    if isinstance(outcome, Read):
        result = zlib.compress(msgspec.json.encode(outcome.result), 1)
        return {"status": "done", "ready_at": None, "result": result}
    if isinstance(outcome, Counted):
        return {"status": "done", "ready_at": None}
    error = outcome.error
    told = {"code": error.code, "message": error.message, "retryable": error.retryable}
    return {"status": "failed", "ready_at": None, "error": json.dumps(told, ensure_ascii=False)}
