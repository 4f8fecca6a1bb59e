"""Other event loops, the other import name, and a process that is not what it should be."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import uvloop

from maoocr.documents.limits import DecodeLimits
from maoocr.engines.base import EngineSpec
from maoocr.pool import process_lane
from maoocr.pool.lanes import LaneLost, LaneNotStarted
from maoocr.pool.messages import Start
from maoocr.pool.process_lane import ProcessLane
from tests.fakes.rig import Rig

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]

PROGRAM = """
import asyncio, importlib, os, pathlib, sys, time
from prometheus_client import CollectorRegistry

package, root = sys.argv[1:]
pool, settings, metrics, base = (
    importlib.import_module(f"{package}.{name}")
    for name in ("pool", "settings", "telemetry.metrics", "engines.base")
)

async def main():
    made = settings.Settings(_env_file=None, pool=settings.PoolSettings(lanes=2))
    spec = base.EngineSpec("fake", ".fake:FakeEngine")
    ours = pool.Pool([spec], made, pathlib.Path(root), metrics.Metrics(CollectorRegistry()))
    await ours.start()
    assert ours.ready
    await ours.close()
    print("closed")

asyncio.run(main())
"""


@pytest.mark.parametrize("package", ["maoocr", "src.maoocr"])
def test_lanes_start_under_both_names_of_the_package(package: str, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src" if package == "maoocr" else ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, package, str(tmp_path)],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "closed\n", done.stderr


def test_uvloop_runs_the_pool_as_well(tmp_path: Path) -> None:
    async def attack() -> None:
        rig = Rig(tmp_path)
        try:
            await rig.start(lanes=1)
            reading = rig.soon("gate#1")
            os.kill((await rig.hear("page")).pid, 9)
            await rig.hear("page", times=2)
            rig.open("gate#1")
            assert await reading == "gate#1"
            leaving = rig.soon("spin")
            await rig.hear("page", "spin")
            leaving.cancel()
            assert await rig.read("after") == "after"
        finally:
            await rig.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(attack())


def start_of(engine: str, folder: Path) -> Start:
    spec = EngineSpec("x", engine)
    return Start(spec, str(folder), DecodeLimits(), 10.0, 1 << 30, 1 << 30)


async def test_an_engine_that_is_not_installed_says_so(tmp_path: Path) -> None:
    with pytest.raises(LaneNotStarted) as caught:
        await ProcessLane.start(start_of(".missing:Engine", tmp_path), "x/0", timeout_s=30)
    assert "is not installed" in caught.value.reason


async def test_a_process_that_cannot_be_started_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(LaneNotStarted, match="no process"):
        await ProcessLane.start(start_of(".fake:FakeEngine", tmp_path), "x/0", timeout_s=30)


async def test_a_lane_that_does_not_stop_when_asked_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_lane, "STOP_SECONDS", 0.1)
    lane = await ProcessLane.start(start_of(".fake:FakeEngine", tmp_path), "x/0", timeout_s=30)
    os.kill(lane.pid, 19)
    lane.stop("recycle")
    lane.stop("memory")
    assert await lane.gone() == "recycle"
    with pytest.raises(LaneLost):
        await lane.read([], lambda *_: None)


async def test_a_start_that_is_given_up_leaves_no_process(tmp_path: Path) -> None:
    before = psutil.Process().children()
    start = start_of(".fake:FakeEngine", tmp_path)
    starting = asyncio.create_task(ProcessLane.start(start, "x/0", timeout_s=30))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert psutil.Process().children() == before
