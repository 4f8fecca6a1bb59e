"""What was backed up is all there after everything was destroyed."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.load import Load, assert_all_kept
from tests.deploy.pictures import next_picture
from tests.deploy.stack import Stack

ANSWERS = 8
PAGES = 3
WELL_S = 60.0


def rows(stack: Stack) -> dict[str, str]:
    """Of every table: how many rows it has, and one number for all that they hold.

    But for when a key was last used, which every request changes.
    """
    tables = stack.query(
        "select table_name from information_schema.tables where table_schema = 'public'"
    ).split()
    row = "(to_jsonb(t) - 'last_used_at')::text"
    held = f"coalesce(md5(string_agg({row}, '|' order by {row})), '')"
    return {
        table: stack.query(f'select count(*), {held} from "{table}" t').strip()
        for table in sorted(tables)
    }


def history(stack: Stack) -> list[Any]:
    with stack.client() as client:
        items: list[Any] = client.get("/api/ocr/history?limit=100").json()["items"]
        return items


@pytest.fixture
def keeping(stack: Stack) -> Iterator[Stack]:
    """The stack, which keeps what is uploaded."""
    env = stack.folder / ".env"
    before = env.read_text()
    env.write_text(f"{before}\nMAOOCR_HISTORY__KEEP_ORIGINALS=true\n")
    stack.start()
    yield stack
    env.write_text(before)
    stack.start()


def finished_job(stack: Stack) -> str:
    """The id of a job that has read some pictures."""
    pictures = [next_picture() for _ in range(PAGES)]
    files = [("files", (f"{p.number}.png", p.data, "image/png")) for p in pictures]
    with stack.client() as client:
        job = str(client.post("/api/ocr/jobs", files=files).json()["id"])
        client.get(f"/api/ocr/jobs/{job}/results?follow=true")
    return job


def told_of(stack: Stack, job: str) -> tuple[Any, str]:
    """All that the public is told of a job."""
    path = f"/api/ocr/jobs/{job}"
    with stack.client() as client:
        return client.get(path).json(), client.get(f"{path}/results").text


def test_a_restored_backup_holds_everything(
    keeping: Stack, patience: float, tmp_path: Path
) -> None:
    stack = keeping
    with Load(stack, callers=2) as load:
        load.wait_for_answers(ANSWERS)
    job = finished_job(stack)
    stack.wait_until_journal_is_empty()
    work = told_of(stack, job)
    assert work[0]["status"] == "succeeded"
    assert work[1].count("\n") == PAGES
    backup = tmp_path / "backup.tar"
    before, answers = rows(stack), history(stack)
    assert int(before["history"].split("|")[0]) >= ANSWERS

    stack.did("scripts/backup", str(backup))
    assert backup.stat().st_mode & 0o077 == 0
    stack.did("./docker-stop.sh", "--volumes", "--yes")
    assert stack.containers() == []
    shutil.rmtree(stack.folder / "secrets")
    (stack.folder / ".env").unlink()
    stack.did("scripts/restore", str(backup), "--yes")
    stack.wait_until_well(WELL_S * patience)

    assert rows(stack) == before
    assert history(stack) == answers
    assert told_of(stack, job) == work
    assert_all_kept(stack, load.read)
    with stack.client(kept=0) as client:
        for answer in load.read:
            row = f"/api/ocr/history/{answer.body['history_id']}"
            assert client.get(f"{row}/original").content == answer.picture.data
