"""Keys between replicas that share a database, and without the database."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from maoocr.bootstrap import create_app
from maoocr.engines.base import EngineSpec
from maoocr.service.keyring import FRESH_S
from maoocr.web.gateway import Gateway
from tests.servers import PostgresServer, free_port
from tests.web.doors import STRANGER, settings_in

pytestmark = pytest.mark.integration

GUARDED = "/api/ocr/engines"


class Replica:
    """One gateway, asked without a socket."""

    def __init__(self, gateway: Gateway, client: httpx.AsyncClient) -> None:
        self.gateway = gateway
        self._client = client

    async def ask(self, secret: str | None, path: str = GUARDED) -> int:
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        return (await self._client.get(path, headers=headers)).status_code

    async def make(self) -> tuple[str, str]:
        """The id and the secret of a new key."""
        key, secret = await self.gateway.access.keys.create("a key", ["recognize"])
        return key.id, secret

    async def until(self, secret: str | None, status: int) -> float:
        """Ask until the answer is that one; gives the seconds that it took."""
        started = time.monotonic()
        while await self.ask(secret) != status:
            assert time.monotonic() < started + 60
            # The pace of a caller who asks again and again.
            await asyncio.to_thread(threading.Event().wait, 0.05)
        return time.monotonic() - started


@asynccontextmanager
async def replica(folder: Path, database_url: str, **auth: float) -> AsyncIterator[Replica]:
    folder.mkdir(exist_ok=True)
    settings = settings_in(folder, database_url=database_url, auth=auth)
    app = create_app(settings, [EngineSpec("fake", ".fake:FakeEngine")])
    async with app.router.lifespan_context(app):
        await app.state.started
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield Replica(app.state.gateway, client)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    yield server
    server.stop()


async def test_a_key_and_its_end_are_seen_by_the_other_replica(
    database_url: str, tmp_path: Path
) -> None:
    async with (
        replica(tmp_path / "a", database_url) as a,
        replica(tmp_path / "b", database_url) as b,
    ):
        assert await b.ask(None) == 200
        key_id, secret = await a.make()
        assert await a.ask(None) == 401
        assert await b.until(None, 401) < FRESH_S + 1
        assert await b.ask(secret) == 200
        await a.gateway.access.keys.revoke(key_id)
        assert await a.ask(secret) == 401
        assert await b.until(secret, 401) < FRESH_S + 1
        assert await b.ask(None) == 401


async def test_without_the_database_who_is_known_goes_on_and_others_wait(
    mortal: PostgresServer, tmp_path: Path
) -> None:
    async with replica(tmp_path / "a", mortal.url()) as a:
        _, known = await a.make()
        _, unused = await a.make()
        assert await a.ask(known) == 200
        mortal.stop()
        assert await a.ask(known) == 200
        assert await a.ask(unused) == 503
        assert await a.ask(STRANGER) == 503
        assert await a.ask(None) == 401
        await asyncio.to_thread(mortal.start)
        await a.until(unused, 200)
        assert await a.ask(STRANGER) == 401
        assert await a.ask(known) == 200


async def test_the_grace_time_ends(mortal: PostgresServer, tmp_path: Path) -> None:
    async with replica(tmp_path / "a", mortal.url(), grace_seconds=0.0) as a:
        _, known = await a.make()
        assert await a.ask(known) == 200
        mortal.stop()
        await a.until(known, 503)


async def test_an_open_service_stays_open_without_the_database(
    mortal: PostgresServer, tmp_path: Path
) -> None:
    async with replica(tmp_path / "a", mortal.url()) as a:
        assert await a.ask(None) == 200
        mortal.stop()
        a.gateway.access.keyring.forget()
        assert await a.ask(None) == 200
        assert await a.ask(STRANGER) == 200


async def test_a_start_without_the_database_lets_nobody_in_until_it_is_there(
    mortal: PostgresServer, tmp_path: Path
) -> None:
    url = mortal.url()
    async with replica(tmp_path / "a", url) as a:
        _, secret = await a.make()
    mortal.stop()
    async with replica(tmp_path / "b", url) as b:
        for key in (None, secret, STRANGER):
            assert await b.ask(key) == 503
        assert await b.ask(None, "/readyz") == 503
        assert await b.ask(None, "/livez") == 200
        await asyncio.to_thread(mortal.start)
        await b.until(secret, 200)
        assert await b.ask(None) == 401
        assert await b.ask(None, "/readyz") == 200


async def test_a_start_without_the_database_lets_in_whom_the_last_one_knew(
    mortal: PostgresServer, tmp_path: Path
) -> None:
    url, folder = mortal.url(), tmp_path / "a"
    async with replica(folder, url) as a:
        ended_id, ended = await a.make()
        known_id, known = await a.make()
        await a.gateway.access.keys.revoke(ended_id)
        await until_copied(folder, known_id, revoked=ended_id)
    mortal.stop()
    async with replica(folder, url) as a:
        assert await a.ask(known) == 200
        assert await a.ask(known, "/api/usage") == 503
        assert await a.ask(known, "/api/keys") == 403
        assert await a.ask(ended) == 401
        assert await a.ask(None) == 401
        assert await a.ask(STRANGER) == 503
        assert await a.ask(None, "/readyz") == 200
        await asyncio.to_thread(mortal.start)
        await a.until(STRANGER, 401)
        assert await a.ask(known) == 200
        await a.gateway.access.keys.revoke(known_id)
        assert await a.ask(known) == 401
    # Of another database, and of the same one without the grace time, nothing is believed.
    mortal.stop()
    for other, grace_s in ((f"{url}&application_name=other", 600.0), (url, 0.0)):
        async with replica(folder, other, grace_seconds=grace_s) as a:
            assert await a.ask(known) == 503


async def until_copied(folder: Path, key_id: str, *, revoked: str) -> None:
    """Return when the file in the state folder knows both."""
    file = folder / "state" / "keys.json"
    async with asyncio.timeout(60):
        while True:
            keys = json.loads(file.read_text())["keys"].values() if file.exists() else ()
            if {key["id"]: key["revoked_at"] is not None for key in keys} == {
                key_id: False,
                revoked: True,
            }:
                break
            await asyncio.sleep(0)
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_start_without_a_database_that_never_comes_is_not_open(tmp_path: Path) -> None:
    nowhere = f"postgresql://127.0.0.1:{free_port()}/nothing"
    async with replica(tmp_path / "a", nowhere) as a:
        assert await a.ask(None) == 503
