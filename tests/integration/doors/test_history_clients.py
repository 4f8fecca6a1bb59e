"""The history and `image_url` through the command line, against a real server."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from maoocr.cli import app
from maoocr.client import AsyncClient, Client
from maoocr.engines.base import EngineSpec
from maoocr.settings import OutboundSettings, PoolSettings, Settings, SpoolSettings
from tests.fakes.documents import png
from tests.integration.outbound.outside import outside, reply
from tests.integration.web.conftest import Server, serve

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Where the documents behind URLs are served."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def history_server(tmp_path: Path, listener: socket.socket) -> Iterator[Server]:
    settings = Settings(
        _env_file=None,
        engine="fake",
        state_dir=tmp_path / "state",
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=tmp_path / "spool"),
        outbound=OutboundSettings(
            image_url=True, allow="127.0.0.1", ports=str(listener.getsockname()[1])
        ),
    )
    yield from serve(settings, [EngineSpec("fake", ".fake:FakeEngine")])


def maoocr(server: Server, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--server", server.url])


def test_answers_are_found_shown_and_deleted(history_server: Server) -> None:
    def told(*words: str) -> str:
        done = maoocr(history_server, "history", *words)
        assert done.exit_code == 0, done.output
        return done.stdout

    with Client(history_server.url, retries=8) as client:
        ids = [
            client.recognize(png(text)).history_id
            for text in ("the first bill", "a letter", "第二张发票")
        ]
    assert [line.split()[0] for line in told("list").splitlines()] == ids[::-1]
    assert [line.split()[0] for line in told("list", "--limit", "1").splitlines()] == ids[2:]
    assert told("search", "bill", "first").startswith(str(ids[0]))
    assert told("search", "发票").split()[0] == ids[2]
    assert told("search", "bill", "--until", "2000-01-01") == ""
    [item] = [json.loads(line) for line in told("search", "letter", "--json").splitlines()]
    assert (item["id"], item["text"]) == (ids[1], "a letter")
    assert told("show", str(ids[1])) == "a letter\n"
    assert json.loads(told("show", str(ids[1]), "--format", "json"))["text"] == "a letter"
    told("delete", str(ids[1]))
    assert maoocr(history_server, "history", "show", str(ids[1])).exit_code != 0
    told("delete", "--all", "--yes")
    assert told("list") == ""


@pytest.mark.parametrize("words", [["delete"], ["delete", "x", "--all"], ["delete", "--all"]])
def test_nothing_is_deleted_by_accident(history_server: Server, words: list[str]) -> None:
    with Client(history_server.url, retries=8) as client:
        client.recognize(png("kept"))
        assert maoocr(history_server, "history", *words).exit_code != 0
        assert len(client.history.list()["items"]) == 1


async def test_the_command_line_lets_the_server_fetch(
    history_server: Server, listener: socket.socket, tmp_path: Path
) -> None:
    async with outside(listener=listener) as place:
        place.answers["/scan.png"] = reply(png("from afar"))
        url = f"http://127.0.0.1:{place.port}/scan.png"
        async with AsyncClient(history_server.url, retries=8) as client:
            assert (await client.options())["image_url"] is True
            assert (await client.recognize_url(url)).text == "from afar"
        words = ["recognize", url, "--output", str(tmp_path / "out")]
        done = await asyncio.to_thread(maoocr, history_server, *words)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "scan.png.txt").read_text() == "from afar\n"


def test_an_address_needs_a_server() -> None:
    done = CliRunner().invoke(app, ["recognize", "https://host.test/a.png"])
    assert done.exit_code == 2
    assert "--server" in done.output
