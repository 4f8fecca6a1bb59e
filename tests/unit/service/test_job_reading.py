"""What befalls a page of a job before an engine sees it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from maoocr.documents.kinds import Kind
from maoocr.errors import StorageFull, StoreUnavailable, UnreadableDocument
from maoocr.service.job_reading import JobReading
from maoocr.service.ports import Document
from maoocr.settings import Settings
from maoocr.store.job_rows import Claim, Retry, Spoiled


class NoBlobs:
    """A store that answers with an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def fetch(self, key: str, target: Path) -> None:
        raise self.error


class BareSpool:
    """A spool in which nothing lies."""

    async def bring(
        self, sha256: str, size: int, kind: Kind, fetch: Callable[[Path], Awaitable[None]]
    ) -> Document:
        await fetch(Path("none"))
        raise AssertionError


def reading(error: Exception) -> JobReading:
    missing = cast(Any, None)
    limits = Settings(_env_file=None).limits
    spool, blobs = cast(Any, BareSpool()), cast(Any, NoBlobs(error))
    return JobReading(missing, missing, missing, spool, blobs, missing, limits, attempts=4)


def claim(**known: Any) -> Claim:
    values: dict[str, Any] = {
        "job": "J",
        "file": 1,
        "page": 0,
        "fence": 1,
        "attempts": 3,
        "blob": "J/abc",
        "sha256": "abc",
        "size": 1,
        "kind": "png",
        "options": "{}",
        "requirements": None,
        "was_taken_over": False,
        "request_id": "r",
    }
    return Claim(**(values | known))


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StorageFull("full")])
async def test_a_page_does_not_suffer_for_its_surroundings(error: Exception) -> None:
    outcome = await reading(error).outcome(claim())
    assert isinstance(outcome, Retry)
    assert not outcome.has_failed


async def test_a_damaged_upload_fails_its_page_at_once() -> None:
    outcome = await reading(UnreadableDocument("damaged")).outcome(claim(attempts=0))
    assert isinstance(outcome, Spoiled)
    assert outcome.error.code == "unreadable_document"


async def test_an_upload_that_is_missing_is_looked_for_again_and_then_told() -> None:
    assert isinstance(await reading(FileNotFoundError()).outcome(claim(attempts=0)), Retry)
    last = await reading(FileNotFoundError()).outcome(claim())
    assert isinstance(last, Spoiled)
    assert last.error.code == "not_found"
