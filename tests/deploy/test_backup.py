"""What was backed up is all there after everything was destroyed."""

import shutil
from pathlib import Path
from typing import Any

from tests.deploy.load import Load, assert_all_kept
from tests.deploy.stack import Stack

ANSWERS = 8
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


def test_a_restored_backup_holds_every_row(stack: Stack, patience: float, tmp_path: Path) -> None:
    with Load(stack, callers=2) as load:
        load.wait_for_answers(ANSWERS)
    stack.wait_until_journal_is_empty()
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
    assert_all_kept(stack, load.read)
