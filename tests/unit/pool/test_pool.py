import asyncio
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from maoocr.engines.base import EngineSpec
from maoocr.errors import EngineUnavailable, ShuttingDown, UnknownEngine
from maoocr.pool import Pool, cores
from maoocr.pool.lanes import Lane, LaneNotStarted
from maoocr.settings import PoolSettings, Settings
from maoocr.telemetry.metrics import Metrics

CPU = EngineSpec("cpu", ".none:None")
CUDA = EngineSpec("cuda", ".none:None", max_batch_pages=8, device="cuda:0")


async def never(spec: EngineSpec, slot: int) -> Lane:
    await asyncio.Event().wait()
    raise AssertionError


async def broken(spec: EngineSpec, slot: int) -> Lane:
    raise LaneNotStarted("no file /models/x", reason="The models are missing.")


def make(*specs: EngineSpec, lanes: int = 1, processes: int = 1, launch: object = never) -> Pool:
    settings = Settings(_env_file=None, web_concurrency=processes, pool=PoolSettings(lanes=lanes))
    metrics = Metrics(CollectorRegistry())
    return Pool(specs, settings, Path(), metrics, launch=launch)  # type: ignore[arg-type]


def lanes_of(pool: Pool, engine: str) -> int:
    return len(pool.status().engines[engine].lanes)


@pytest.mark.parametrize(
    ("lanes", "processes", "each"), [(4, 1, 4), (5, 2, 2), (1, 4, 1), (0, 1, 6), (0, 3, 2)]
)
def test_lanes_are_divided_among_the_gateway_processes(
    monkeypatch: pytest.MonkeyPatch, lanes: int, processes: int, each: int
) -> None:
    monkeypatch.setattr(cores, "available_cores", lambda: 6)
    assert lanes_of(make(CPU, lanes=lanes, processes=processes), "cpu") == each


def test_a_device_has_one_lane() -> None:
    assert lanes_of(make(CUDA, CPU, lanes=4), "cuda") == 1


def test_an_engine_that_there_is_not_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownEngine, match=r"'other'; there is cpu, cuda"):
        make(CPU, CUDA).admit("other", 1, client="a", deadline=time.monotonic() + 1)


async def test_the_wait_for_the_first_lane_has_an_end() -> None:
    pool = make(CPU)
    await pool.start(ready_timeout_s=0.0)
    assert not pool.ready
    await pool.close()


async def test_a_broken_engine_is_told_to_callers_without_paths() -> None:
    pool = make(CPU, launch=broken)
    await pool.start()
    with pytest.raises(EngineUnavailable, match="The models are missing") as caught:
        pool.admit("cpu", 1, client="a", deadline=time.monotonic() + 1)
    assert "/models/x" not in caught.value.message
    assert pool.status().engines["cpu"].failure == "no file /models/x"
    await pool.close()


async def test_a_closed_pool_takes_nothing() -> None:
    pool = make(CPU)
    await pool.close()
    with pytest.raises(ShuttingDown):
        pool.admit("cpu", 1, client="a", deadline=time.monotonic() + 1)
    assert not pool.status().ready
