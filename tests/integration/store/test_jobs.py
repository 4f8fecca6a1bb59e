"""Jobs in a real database: made once, claimed by one, written by nobody else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from maoocr.domain import PageError, PageResult
from maoocr.errors import Conflict, NotFound
from maoocr.service.job_upkeep import JobCensus
from maoocr.store.connecting import database_url as address
from maoocr.store.database import Database
from maoocr.store.ids import new_id
from maoocr.store.job_pages import JobPages
from maoocr.store.job_rows import Claim, Counted, NewFile, NewJob, Read, Retry, Spoiled
from maoocr.store.jobs import JobStore
from maoocr.telemetry.metrics import Metrics

pytestmark = pytest.mark.integration

LEASE_S = 30.0
FAILURE = Spoiled(PageError("engine_fault", "No.", retryable=False))


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(address(database_url, Path()))
    database.start()
    async with asyncio.timeout(60):
        await database.wait_ready()
    yield database
    await database.close()


def a_job(
    pages: list[int | None],
    owner: str = "",
    *,
    priority: int = 0,
    key: str | None = None,
    request_hash: str = "h",
) -> NewJob:
    job = new_id()
    files = [NewFile(f"{n}.pdf", "pdf", "f" * 64, 1, f"{job}/f", p) for n, p in enumerate(pages)]
    return NewJob(job, owner, priority, key, request_hash, "r", "{}", None, None, files)


def runner(database: Database, lease_s: float = LEASE_S) -> JobPages:
    return JobPages(database, new_id(), lease_s)


def read(claim: Claim) -> tuple[Claim, Read]:
    return claim, Read(PageResult(claim.page))


async def test_a_job_ends_with_its_last_page(database: Database) -> None:
    store, pages = JobStore(database), runner(database)
    job, is_new = await store.create(a_job([2, 1]))
    assert (is_new, job.status, job.pages_total) == (True, "queued", 3)
    claims = await pages.claim(10)
    assert [claim.key for claim in claims] == [(job.id, 1, 1), (job.id, 1, 2), (job.id, 2, 1)]
    assert (await store.get("", job.id)).status == "running"
    await pages.write([read(claims[0]), (claims[1], FAILURE)])
    ended = await pages.write([read(claims[2])])
    assert ended.status == {job.id: "succeeded"}
    job = await store.get("", job.id)
    assert (job.pages_done, job.pages_failed, job.last_event) == (2, 1, 4)
    assert job.finished_at is not None
    found = await store.pages(job.id)
    assert [(page.event, page.file, page.page) for page in found] == [
        (1, 1, 1),
        (2, 1, 2),
        (3, 2, 1),
    ]
    assert found[1].error == FAILURE.error
    assert found[2].result == PageResult(1)
    assert [page.event for page in await store.pages(job.id, after=2)] == [3]


async def test_jobs_that_wait_or_run_are_counted_for_all(database: Database) -> None:
    store, pages, metrics = JobStore(database), runner(database), Metrics(CollectorRegistry())
    census = JobCensus(store, metrics)
    for owner in ("", "a", "b"):
        await store.create(a_job([1], owner))
    await census.count()
    assert metrics.registry.get_sample_value("maoocr_jobs_open") == 3
    claims = await pages.claim(2)
    await pages.write([read(claims[0])])
    await census.count()
    assert metrics.registry.get_sample_value("maoocr_jobs_open") == 2


async def test_a_file_is_counted_before_its_pages_are_there(database: Database) -> None:
    store, pages = JobStore(database), runner(database)
    job, _ = await store.create(a_job([None, None]))
    assert job.pages_total is None
    claims = await pages.claim(10)
    assert [claim.page for claim in claims] == [0, 0]
    await pages.write([(claims[0], Counted([2, 5])), (claims[1], FAILURE)])
    job = await store.get("", job.id)
    assert (job.pages_total, job.pages_failed, job.status) == (3, 1, "running")
    assert [file.pages_total for file in job.files] == [2, 1]
    claims = await pages.claim(10)
    assert [claim.page for claim in claims] == [2, 5]
    await pages.write([read(claim) for claim in claims])
    assert (await store.get("", job.id)).status == "succeeded"


async def test_a_job_of_which_nothing_was_read_has_failed(database: Database) -> None:
    store, pages = JobStore(database), runner(database)
    job, _ = await store.create(a_job([1]))
    await pages.write([(claim, FAILURE) for claim in await pages.claim(1)])
    assert (await store.get("", job.id)).status == "failed"


async def test_two_runners_never_have_the_same_page(database: Database) -> None:
    await JobStore(database).create(a_job([50]))
    runners = [runner(database) for _ in range(4)]
    claims = await asyncio.gather(*(one.claim(5) for one in runners for _ in range(3)))
    keys = [claim.key for some in claims for claim in some]
    assert len(keys) == len(set(keys)) == 50


async def test_an_expired_lease_is_anybodys_and_its_fence_is_stale(database: Database) -> None:
    store = JobStore(database)
    job, _ = await store.create(a_job([1]))
    dead, alive = runner(database, 0.0), runner(database)
    (stale,) = await dead.claim(1)
    (fresh,) = await alive.claim(1)
    assert fresh.was_taken_over
    assert fresh.fence == stale.fence + 1
    ended = await dead.write([read(stale)])
    assert ended.refused == {stale.key}
    assert (await store.get("", job.id)).pages_done == 0
    assert not (await alive.write([read(fresh)])).refused
    assert (await alive.write([read(fresh)])).refused
    assert (await store.get("", job.id)).pages_done == 1


async def test_a_renewed_lease_holds_and_a_lost_one_is_told(database: Database) -> None:
    await JobStore(database).create(a_job([1]))
    first = runner(database, 0.0)
    (claim,) = await first.claim(1)
    first._lease = runner(database)._lease
    assert await first.renew() == {(claim.key, claim.fence)}
    assert await runner(database).claim(1) == []
    first._lease = runner(database, 0.0)._lease
    await first.renew()
    await runner(database).claim(1)
    assert await first.renew() == frozenset()


async def test_nothing_is_written_after_a_cancel(database: Database) -> None:
    store, pages = JobStore(database), runner(database)
    job, _ = await store.create(a_job([3]))
    (claim,) = await pages.claim(1)
    job = await store.cancel("", job.id)
    assert job.status == "cancelled"
    assert (await pages.write([read(claim)])).refused == {claim.key}
    assert await store.get("", job.id) == job == await store.cancel("", job.id)
    assert await pages.claim(5) == []
    assert await store.ended_among([job.id]) == {job.id: "cancelled"}


async def test_a_page_is_tried_again_after_its_time(database: Database) -> None:
    await JobStore(database).create(a_job([1]))
    pages = runner(database)
    (claim,) = await pages.claim(1)
    await pages.write([(claim, Retry(60))])
    assert await pages.claim(1) == []
    assert 50 < (await pages.next_in_s() or 0) <= 60


async def test_what_is_given_back_counts_as_no_attempt(database: Database) -> None:
    await JobStore(database).create(a_job([1]))
    pages = runner(database)
    await pages.give_back(await pages.claim(1))
    (claim,) = await runner(database).claim(1)
    assert (claim.attempts, claim.was_taken_over) == (0, False)


async def test_priority_goes_first_then_owners_in_turn(database: Database) -> None:
    store, pages = JobStore(database), runner(database)
    large, _ = await store.create(a_job([100], "a"))
    await store.create(a_job([100], "a"))
    small, _ = await store.create(a_job([1], "b"))
    urgent, _ = await store.create(a_job([1], "c", priority=1))
    claims = await pages.claim(3)
    assert [claim.job for claim in claims] == [urgent.id, large.id, small.id]


async def test_an_idempotency_key_gives_the_same_job_again(database: Database) -> None:
    store = JobStore(database)
    made = await asyncio.gather(*(store.create(a_job([1], key="k")) for _ in range(5)))
    assert len({job.id for job, _ in made}) == 1
    assert sum(is_new for _, is_new in made) == 1
    with pytest.raises(Conflict):
        await store.create(a_job([1], key="k", request_hash="other"))
    _, is_new = await store.create(a_job([1], "b", key="k"))
    assert is_new


async def test_jobs_of_others_are_not_there(database: Database) -> None:
    store = JobStore(database)
    job, _ = await store.create(a_job([1], "a"))
    with pytest.raises(NotFound):
        await store.get("b", job.id)
    with pytest.raises(NotFound):
        await store.cancel("b", job.id)
    assert await store.list("b", limit=10) == []
    second, _ = await store.create(a_job([1], "a"))
    assert [j.id for j in await store.list("a", limit=1)] == [second.id]
    assert [j.id for j in await store.list("a", limit=9, before=second.id)] == [job.id]
