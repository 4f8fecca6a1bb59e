"""Jobs through the clients and the command line, against a real server."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maoocr.cli import app
from maoocr.client import AsyncClient, Client
from maoocr.engines.base import EngineSpec
from maoocr.errors import NotFound
from maoocr.settings import PoolSettings, Settings, SpoolSettings
from tests.fakes.documents import png, scan
from tests.integration.web.conftest import Server, serve

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def jobs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = Settings(
        _env_file=None,
        engine="fake",
        state_dir=tmp_path_factory.mktemp("state"),
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=tmp_path_factory.mktemp("spool")),
    )
    yield from serve(settings, [EngineSpec("fake", ".fake:FakeEngine")])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """More files than may be open at once would be slow; these are enough to tell."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png("one"))
    (tmp_path / "in" / "b.pdf").write_bytes(scan("two", "three"))
    return tmp_path / "in"


def test_a_client_makes_watches_and_takes_a_job(jobs_server: Server, folder: Path) -> None:
    with Client(jobs_server.url) as client:
        job = client.jobs.submit([folder / "a.png", ("x/b.pdf", (folder / "b.pdf").read_bytes())])
        events = list(client.jobs.watch(job["id"]))
        assert events[-1]["type"] == "end"
        assert events[-1]["data"]["pages_done"] == 3
        assert {page["text"] for page in client.jobs.results(job["id"])} == {"one", "two", "three"}
        assert client.jobs.show(job["id"])["files"][1]["name"] == "x/b.pdf"
        assert client.jobs.list(limit=1)["items"][0]["id"] == job["id"]
        assert client.jobs.cancel(job["id"])["status"] == "succeeded"
        with pytest.raises(NotFound):
            list(client.jobs.results("0" * 26))
        with pytest.raises(NotFound):
            list(client.jobs.watch("0" * 26))


async def test_an_async_client_does_the_same(jobs_server: Server, folder: Path) -> None:
    async with AsyncClient(jobs_server.url) as client:
        job = await client.jobs.submit([folder / "b.pdf"], pages="2")
        events = [event async for event in client.jobs.watch(job["id"])]
        assert events[-1]["data"]["status"] == "succeeded"
        pages = [page async for page in client.jobs.results(job["id"], follow=True)]
        assert [page["text"] for page in pages] == ["three"]
        target = folder.parent / "async.zip"
        await client.jobs.download(job["id"], target, document_format="markdown")
        with zipfile.ZipFile(target) as archive:
            assert [name for name in archive.namelist() if name.endswith("b.pdf.md")]
        with pytest.raises(NotFound):
            await client.jobs.download("0" * 26, target)


def test_the_command_line_sends_a_folder(jobs_server: Server, folder: Path) -> None:
    def maoocr(*words: str) -> str:
        done = CliRunner().invoke(app, ["jobs", *words, "--server", jobs_server.url])
        assert done.exit_code == 0, done.output
        return done.stdout

    job = maoocr("submit", str(folder), "--watch").strip()
    lines = [json.loads(line) for line in maoocr("results", job).splitlines()]
    assert {line["text"] for line in lines} == {"one", "two", "three"}
    assert job in maoocr("list")
    assert json.loads(maoocr("show", job))["status"] == "succeeded"
    maoocr("cancel", job)
    target = folder.parent / "out.zip"
    maoocr("results", job, "--output", str(target), "--format", "markdown")
    with zipfile.ZipFile(target) as archive:
        assert [name for name in archive.namelist() if name.endswith("b.pdf.md")]
