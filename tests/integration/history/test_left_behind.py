"""What a killed gateway journalled is brought into the database by one that goes on."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.fakes.documents import png
from tests.fakes.gateway import GatewayProcess
from tests.servers import PostgresServer

pytestmark = pytest.mark.integration

PATIENCE_S = 90.0

Away = tuple[str, Callable[[], None], Callable[[], None]]
"""The address of a database, how it is lost, and how it is found again."""


@contextmanager
def postgres_away(folder: Path) -> Iterator[Away]:
    server = PostgresServer(folder / "postgres")
    server.start()
    try:
        yield server.url(), server.stop, server.start
    finally:
        server.stop()


@contextmanager
def sqlite_away(folder: Path) -> Iterator[Away]:
    """Somebody else writes and does not end: nobody waits for that longer than a second."""
    path = folder / "shared.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield (
            f"sqlite:///{path}",
            lambda: connection.execute("BEGIN IMMEDIATE").close(),
            lambda: connection.execute("ROLLBACK").close(),
        )


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends
        threading.Event().wait(0.05)


def is_ready(gateway: GatewayProcess) -> bool:
    try:
        return httpx.get(f"{gateway.url}/readyz", timeout=PATIENCE_S).status_code == 200
    except httpx.ConnectError:
        return False


def read(gateway: GatewayProcess, text: str) -> tuple[str, bool]:
    """The id of the row, and whether it is on its way only."""
    url = f"{gateway.url}/api/ocr/recognize"
    answer = httpx.post(url, files={"image": ("a", png(text))}, timeout=PATIENCE_S)
    assert answer.status_code == 200, answer.text
    return answer.json()["history_id"], answer.json().get("history") == "deferred"


@pytest.mark.parametrize("away", [sqlite_away, postgres_away])
def test_a_journal_of_the_dead_is_taken_over_by_one_that_runs(
    tmp_path: Path,
    away: Callable[[Path], AbstractContextManager[Away]],
) -> None:
    with away(tmp_path) as (database, lose, find):
        settings = {"DATABASE_URL": database, "MAOOCR_STATE_DIR": str(tmp_path / "state")}
        living, dying = (GatewayProcess(tmp_path / name, settings) for name in ("a", "b"))
        try:
            until(lambda: is_ready(living) and is_ready(dying))
            first = read(dying, "before")
            lose()
            left = [read(dying, f"left {number}") for number in range(3)]
            dying.kill()
            find()
            assert (first[1], [deferred for _, deferred in left]) == (False, [True] * 3)
            until(lambda: not list((tmp_path / "state" / "journal").iterdir()))
            items = httpx.get(f"{living.url}/api/ocr/history", timeout=PATIENCE_S).json()["items"]
            assert [item["id"] for item in items] == [row for row, _ in (first, *left)][::-1]
        finally:
            living.end()
            dying.end()
