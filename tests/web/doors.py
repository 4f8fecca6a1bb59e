"""An app with keys made, and one of each kind of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp

from maoocr.bootstrap import create_app
from maoocr.engines.base import EngineSpec
from maoocr.service.callers import SCOPES
from maoocr.service.keyring import secret_hash
from maoocr.settings import PoolSettings, Settings, SpoolSettings
from maoocr.store.database import Database
from maoocr.store.ids import new_id
from maoocr.store.keys import KeyRows
from maoocr.store.records import ApiKey
from maoocr.web.gateway import Gateway

__all__ = ["STRANGER", "Guarded", "expired_key", "guarded", "knock", "settings_in"]

STRANGER = "mao_01HZZZZZZZZZZZZZZZZZZZZZZZ_" + "x" * 43
"""Looks like a key."""


@dataclass
class Guarded:
    """The app and the secrets of its keys: one of each scope, `all`, `other`, `revoked`, …"""

    app: FastAPI
    client: httpx.AsyncClient
    secrets: dict[str, str]

    @property
    def gateway(self) -> Gateway:
        gateway: Gateway = self.app.state.gateway
        return gateway

    def owner(self, name: str) -> str:
        """The id of a key."""
        return self.secrets[name].split("_")[1]

    def sent(self, name: str) -> dict[str, str]:
        """The header with that key."""
        return {"Authorization": f"Bearer {self.secrets[name]}"}


def settings_in(folder: Path, **changes: Any) -> Settings:
    return Settings(
        engine="fake",
        state_dir=folder / "state",
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=folder / "spool"),
        **changes,
    )


@asynccontextmanager
async def guarded(
    folder: Path, *, beside: tuple[EngineSpec, ...] = (), **changes: Any
) -> AsyncIterator[Guarded]:
    """Run an app of its own with these keys, and with engines beside the fake one."""
    specs = [EngineSpec("fake", ".fake:FakeEngine"), *beside]
    app = create_app(settings_in(folder, **changes), specs)
    async with app.router.lifespan_context(app):
        await app.state.started
        gateway: Gateway = app.state.gateway
        async with asyncio.timeout(60):
            await gateway.database.wait_ready()
        wanted = {scope: [scope] for scope in SCOPES}
        wanted |= {name: list(SCOPES) for name in ("all", "other", "revoked")}
        keys = gateway.access.keys
        secrets = {name: (await keys.create(name, scopes))[1] for name, scopes in wanted.items()}
        await keys.revoke(secrets["revoked"].split("_")[1])
        secrets["expired"] = await expired_key(gateway.database)
        secrets["wrong"] = STRANGER
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield Guarded(app, client, secrets)


async def expired_key(database: Database) -> str:
    """The secret of a key whose time has passed."""
    now = datetime.now(UTC)
    end = now - timedelta(days=1)
    key = ApiKey(new_id(), "expired", frozenset(SCOPES), None, None, now, end)
    secret = f"mao_{key.id}_{'0' * 43}"
    await KeyRows(database).add(key, secret_hash(secret))
    return secret


async def knock(
    app: ASGIApp,
    path: str,
    headers: dict[str, str],
    subprotocols: tuple[str, ...] = (),
    *,
    listens: bool = False,
) -> tuple[str, Any]:
    """Open a WebSocket, and leave.

    Args:
        app: who opens.
        path: with the query.
        headers: as a client sends them.
        subprotocols: that are offered.
        listens: leave only after the first message.

    Returns:
        `accept` and the subprotocol (or the first message), or `refused` and the status.
    """
    heard: list[Any] = []
    told = asyncio.Event()
    knocks = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001}])

    async def receive() -> Any:
        message = next(knocks, None)
        if message is None:
            await asyncio.Event().wait()
        elif heard and listens:
            await told.wait()
        return message

    async def send(message: Any) -> None:
        heard.append(message)
        if message["type"] == "websocket.send":
            told.set()

    path, _, query = path.partition("?")
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "scheme": "ws",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "subprotocols": list(subprotocols),
        "client": ("127.0.0.1", 1),
        "server": ("maoocr", 80),
        "state": {},
        "extensions": {"websocket.http.response": {}},
    }
    async with asyncio.timeout(30):
        await app(scope, receive, send)
    first = heard[0]
    if first["type"] == "websocket.accept" and listens:
        return "accept", json.loads(heard[1]["text"])
    if first["type"] == "websocket.accept":
        return "accept", first.get("subprotocol")
    return "refused", first.get("status", 403)
