"""Who asked for it is told that a job has ended: signed, with a log, and never inside."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from maoocr.bootstrap import create_app
from maoocr.client import verify_webhook
from maoocr.engines.base import EngineSpec
from maoocr.service import webhooks
from maoocr.settings import JobSettings, OutboundSettings, PoolSettings, Settings, SpoolSettings
from tests.fakes.documents import png
from tests.integration.jobs.pair import JOBS
from tests.integration.outbound.outside import Outside, outside

pytestmark = pytest.mark.integration

SECRET = "between the two of us"


def settings(folder: Path, place: Outside, secret: str = SECRET) -> Settings:
    return Settings(
        _env_file=None,
        engine="fake",
        state_dir=folder / "state",
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=folder / "spool"),
        jobs=JobSettings(webhook_secret=secret),
        outbound=OutboundSettings(allow="127.0.0.1", ports=f"80,{place.port}"),
    )


async def with_database(app: FastAPI) -> None:
    """Return when jobs are taken; a busy machine makes the tables later than the app starts."""
    await app.state.started
    async with asyncio.timeout(60):
        await app.state.gateway.database.wait_ready()


async def post(client: httpx.AsyncClient, url: str) -> httpx.Response:
    files = [("files", ("a.png", png("hello")))]
    return await client.post(JOBS, files=files, data={"webhook_url": url})


def signature_in(head: bytes) -> str:
    """That of a request."""
    return next(
        line.split(b": ")[1].decode()
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"x-maoocr-signature")
    )


async def told(client: httpx.AsyncClient, job: str, attempts: int) -> dict[str, object]:
    """The state of the webhook once it was tried so often."""
    async with asyncio.timeout(30):
        while True:
            shown = (await client.get(f"{JOBS}/{job}")).json()["webhook"]
            if len(shown["attempts"]) >= attempts:
                return dict(shown)
            await asyncio.sleep(0)


async def test_the_end_of_a_job_is_delivered_once_and_signed(tmp_path: Path) -> None:
    async with outside() as place:
        place.answers["/hook"] = b"HTTP/1.1 204 No Content\r\n\r\n"
        place.answers["/broken"] = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
        app = create_app(settings(tmp_path, place), [EngineSpec("fake", ".fake:FakeEngine")])
        async with app.router.lifespan_context(app):
            await with_database(app)
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as client:
                made = await post(client, f"http://127.0.0.1:{place.port}/hook")
                assert made.status_code == 202, made.text
                state = await told(client, made.json()["id"], 1)
                assert state["status"] == "delivered"
                head, _, body = place.requests[0].partition(b"\r\n\r\n")
                assert verify_webhook(body, signature_in(head), SECRET)
                assert json.loads(body)["job"]["status"] == "succeeded"

                made = await post(client, f"http://127.0.0.1:{place.port}/broken")
                state = await told(client, made.json()["id"], 1)
                assert state["status"] == "waiting"
                assert state["attempts"][0]["status"] == 500  # type: ignore[index]

                inside = await post(client, "http://169.254.169.254/latest")
                assert inside.status_code == 403


async def test_one_that_was_refused_is_delivered_at_the_second_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "FIRST_BACKOFF_S", 0.2)
    monkeypatch.setattr(webhooks, "LOOK_S", 0.1)
    statuses = iter([b"500 No", b"204 No Content"])

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % next(statuses))
        await writer.drain()

    async with outside() as place:
        place.answers["/hook"] = answer
        app = create_app(settings(tmp_path, place), [EngineSpec("fake", ".fake:FakeEngine")])
        async with app.router.lifespan_context(app):
            await with_database(app)
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as client:
                made = await post(client, f"http://127.0.0.1:{place.port}/hook")
                assert made.status_code == 202, made.text
                state = await told(client, made.json()["id"], 2)
                assert state["status"] == "delivered"
                attempts: Any = state["attempts"]
                assert [attempt["status"] for attempt in attempts] == [500, 204]
                moments = [attempt["at"] for attempt in attempts]
                assert moments == sorted(moments)
    bodies = []
    for request in place.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        assert verify_webhook(body, signature_in(head), SECRET)
        bodies.append(json.loads(body))
    assert [body.pop("attempt") for body in bodies] == [1, 2]
    assert bodies[0] == bodies[1]


async def test_without_a_secret_nobody_is_called_back(tmp_path: Path) -> None:
    async with outside() as place:
        app = create_app(settings(tmp_path, place, ""), [EngineSpec("fake", ".fake:FakeEngine")])
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as client:
                refused = await post(client, "http://example.com/hook")
                assert refused.status_code == 403
                assert "MAOOCR_JOBS__WEBHOOK_SECRET" in refused.json()["error"]["message"]
