"""Is it alive, is it ready, and how is each thing that it depends on."""

import asyncio
import os
import shutil
import time
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .. import __version__
from ..cache.shared import RedisAway, RedisLink
from ..errors import EngineUnavailable, StoreUnavailable
from .engines import engine_model
from .gateway import Gateway, gateway_of
from .problems import documented

__all__ = ["router"]

router = APIRouter(tags=["monitoring"])

State = Literal["ok", "degraded", "down"]

PING_S = 2.0


class _Model(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class CheckModel(_Model):
    """One thing that the service depends on."""

    state: State
    latency_s: float
    """Seconds that the check took."""
    detail: str | None = None


class HealthReply(_Model):
    """The state of the service and of each dependency."""

    status: State
    version: str
    ready: bool
    checks: dict[str, CheckModel]


class AliveReply(_Model):
    """The process answers."""

    status: Literal["alive"] = "alive"


class ReadyReply(_Model):
    """The service takes documents."""

    status: Literal["ready"] = "ready"


@router.get("/livez", responses=documented())
async def livez() -> AliveReply:
    """The process is alive: its event loop turns. Nothing else is looked at."""
    return AliveReply()


@router.get("/readyz", responses=documented(EngineUnavailable, StoreUnavailable))
async def readyz(request: Request) -> ReadyReply:
    """A document that comes now would be read."""
    gateway = gateway_of(request)
    pool = gateway.pool
    if not pool.ready:
        failures = [e.failure for e in pool.status().engines.values() if e.failure]
        raise EngineUnavailable(failures[0] if failures else "The engines are still loading.")
    if not gateway.access.keyring.is_known:
        await gateway.access.keyring.is_open()
    return ReadyReply()


@router.get("/health", response_model=HealthReply, responses={503: {"model": HealthReply}})
@router.get(
    "/api/v1/monitoring/health",
    response_model=HealthReply,
    responses={503: {"model": HealthReply}},
)
async def health(request: Request) -> Response:
    """Each dependency, its state and its latency; 503 when no document could be read."""
    gateway = gateway_of(request)
    limits = gateway.settings.limits
    checks = {
        "spool": _folder(gateway.spool.root, 2 * limits.max_body_bytes),
        "state": _folder(gateway.settings.state_dir, limits.max_body_bytes),
        **_engines(gateway),
        "database": await _database(gateway),
    }
    if gateway.settings.jobs.blobs_url:
        checks["uploads"] = await _uploads(gateway)
    if gateway.shared.link is not None:
        checks["redis"] = await _redis(gateway.shared.link)
    ready = gateway.pool.ready
    states = {check.state for check in checks.values()}
    status: State = "down" if not ready else "ok" if states == {"ok"} else "degraded"
    reply = HealthReply(status=status, version=__version__, ready=ready, checks=checks)
    return JSONResponse(reply.model_dump(), 200 if ready else 503)


@router.get("/metrics", response_class=Response, include_in_schema=False)
async def metrics(request: Request) -> Response:
    """All metrics, in the text format of Prometheus."""
    gateway = gateway_of(request)
    gateway.metrics.ready.set(gateway.pool.ready and gateway.access.keyring.is_known)
    registry = gateway.metrics.registry
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


_DETAILS = {
    "absent": "Models or a package are missing",
    "broken": "None of its servers takes a call",
    "sleeping": "It is loaded or woken when it is needed",
}
"""Of engines that are not up. Why, `/api/ocr/engines` tells: this page is for everybody."""


def _engines(gateway: Gateway) -> dict[str, CheckModel]:
    checks = {}
    for engine in gateway.house.states():
        model = engine_model(engine)
        state: State = "ok" if model.state == "sleeping" else "down"
        if model.state == "ready":
            state = "ok" if model.lanes_ready == model.lanes else "degraded"
        lanes = f"{model.lanes_ready} of {model.lanes} lanes ready"
        detail = model.failure or _DETAILS.get(model.state, lanes)
        checks[f"engine:{model.name}"] = CheckModel(state=state, latency_s=0.0, detail=detail)
    return checks


async def _database(gateway: Gateway) -> CheckModel:
    """Never down: without the database documents are read all the same."""
    waiting = gateway.history.journal_rows
    try:
        async with asyncio.timeout(PING_S):
            latency_s = await gateway.database.ping()
    except (StoreUnavailable, TimeoutError):
        # Why, the log tells: this page is for everybody, and the reason may name hosts.
        detail = f"The database is away; {waiting} answers wait for it in the journal"
        return CheckModel(state="degraded", latency_s=0.0, detail=detail)
    detail = gateway.database.kind
    if waiting:
        detail += f"; {waiting} answers are on their way into it"
    return CheckModel(state="ok", latency_s=round(latency_s, 6), detail=detail)


async def _redis(link: RedisLink) -> CheckModel:
    """Never down: without Redis documents are read all the same."""
    try:
        latency_s = await link.ping()
    except RedisAway:
        # Why, the log tells: this page is for everybody, and the reason names hosts.
        detail = "Redis is away; documents are read without it"
        return CheckModel(state="degraded", latency_s=0.0, detail=detail)
    return CheckModel(state="ok", latency_s=round(latency_s, 6))


async def _uploads(gateway: Gateway) -> CheckModel:
    """Never down: without the bucket jobs wait, and single documents are read all the same."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(PING_S):
            await gateway.jobs.look_for_uploads()
    except (StoreUnavailable, TimeoutError):
        # Why, the log tells: this page is for everybody, and the reason names hosts.
        detail = "The bucket for uploads of jobs is away; jobs wait for it"
        return CheckModel(state="degraded", latency_s=0.0, detail=detail)
    return CheckModel(state="ok", latency_s=round(time.monotonic() - started, 6), detail="bucket")


def _folder(folder: Path, needed: int) -> CheckModel:
    started = time.monotonic()
    try:
        free = shutil.disk_usage(folder).free
        is_writable = os.access(folder, os.W_OK)
    except OSError:
        return CheckModel(state="degraded", latency_s=0.0, detail="The folder is not there")
    state: State = "ok" if is_writable and free >= needed else "degraded"
    detail = f"{free // 2**20} MiB free" if is_writable else "The folder cannot be written to"
    return CheckModel(state=state, latency_s=round(time.monotonic() - started, 6), detail=detail)
