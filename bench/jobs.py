"""Jobs: whether each page is done once whoever is killed, and how near they come to the pool."""

import asyncio
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from maoocr.bootstrap import open_jobs, open_runtime, open_state
from maoocr.documents.kinds import kind_named
from maoocr.domain import OcrOptions
from maoocr.engines.base import EngineSpec
from maoocr.pool import PageTask
from maoocr.service.job_draft import Wishes
from maoocr.settings import PoolSettings, Settings, SpoolSettings
from tests.fakes.documents import scan
from tests.integration.jobs.pair import pair
from tests.integration.jobs.test_deaths import survives
from tests.servers import PostgresServer

__all__ = ["jobs"]

LANES = 2


async def jobs(*, pages: int, deaths: int, delay_s: float, database: str) -> None:
    """Measure both; prints what was seen."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        url = f"sqlite:///{folder}/jobs.db"
        if database == "postgres":
            server = PostgresServer(folder / "postgres")
            await asyncio.to_thread(server.start)
            stack.callback(server.stop)
            url = server.url()
        own, theirs = await _pace(folder, url, pages, delay_s)
        print(
            f"{database}: the pool alone {own:.2f} pages/s, a job {theirs:.2f} ({theirs / own:.3f})"
        )
        if deaths:
            began = time.monotonic()
            await asyncio.to_thread(_deaths, folder, url, pages, deaths, delay_s)
            print(f"{pages} pages, {deaths} processes killed: each page once, none failed,", end="")
            print(f" {time.monotonic() - began:.0f} s")


def _deaths(folder: Path, url: str, pages: int, deaths: int, delay_s: float) -> None:
    with pair(folder, {"DATABASE_URL": url}, delay_s) as both:
        survives(both, pages, deaths)


async def _pace(folder: Path, url: str, pages: int, delay_s: float) -> tuple[float, float]:
    """Pages a second: of the pool when it is asked directly, and of a job."""
    settings = Settings(
        _env_file=None,
        engine="fake",
        database_url=url,
        state_dir=folder / "pace",
        pool=PoolSettings(lanes=LANES, max_queue_seconds=1e6),
        spool=SpoolSettings(dir=folder / "spool"),
    )
    specs = [EngineSpec("fake", ".fake:FakeEngine", {"delay_s": delay_s})]
    document = scan(*(f"page {number}" for number in range(1, pages + 1)))
    async with (
        open_runtime(settings, specs) as runtime,
        open_state(runtime) as state,
        open_jobs(runtime, state.database) as service,
    ):
        writer = runtime.spool.writer(len(document))
        await writer.write(document)
        upload = await writer.finish()
        await upload.keep()
        task = PageTask(upload.sha256, kind_named("pdf"), 1, OcrOptions())
        until = time.monotonic() + 1e6
        with runtime.pool.admit("fake", pages, client="bench", deadline=until) as admission:
            await asyncio.gather(*(admission.read(task) for _ in range(2 * LANES)))
            began = time.monotonic()
            await asyncio.gather(
                *(admission.read(replace(task, page=n)) for n in range(1, pages + 1))
            )
            own = pages / (time.monotonic() - began)
        async with service.draft("") as draft:
            await draft.add("scan.pdf", upload)
            began = time.monotonic()
            submitted = await service.submit(
                draft, Wishes({}, None), idempotency_key=None, request_id="bench"
            )
        async for found, _ in service.follow("", submitted.job.id):
            ended = found
        assert ended.pages_done == pages
        return own, pages / (time.monotonic() - began)
