"""The end: what was admitted is finished within the grace time, and no process is left."""

import asyncio
import os
import signal
import subprocess
import sys

import psutil
import pytest

from maoocr.errors import EngineUnavailable, ShuttingDown
from maoocr.pool.queue import FairQueue
from tests.fakes.rig import Rig

pytestmark = pytest.mark.integration


async def test_what_was_admitted_is_finished_and_what_is_new_refused(rig: Rig) -> None:
    await rig.start(lanes=2)
    readings = [rig.soon(token) for token in ("gate#1", "gate#2", "c", "d", "e")]
    await rig.hear("page", times=2)
    closing = asyncio.create_task(rig.pool.close())
    await rig.until(lambda: not rig.pool.ready)
    with pytest.raises(ShuttingDown):
        await rig.read("new")
    rig.open("gate#1")
    rig.open("gate#2")
    assert await asyncio.gather(*readings) == ["gate#1", "gate#2", "c", "d", "e"]
    await closing
    assert rig.processes() == []


async def test_after_the_grace_time_everybody_is_told(rig: Rig) -> None:
    await rig.start(lanes=2, grace_s=0.2)
    readings = [rig.soon(token) for token in ("hang", "spin", "c", "d", "e")]
    await rig.hear("page", times=2)
    await rig.pool.close()
    outcomes = await asyncio.gather(*readings, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ShuttingDown] * 5
    assert rig.processes() == []


async def test_a_page_that_is_to_be_tried_again_is_told_too(rig: Rig) -> None:
    await rig.start(grace_s=0.2)
    reading = rig.soon("gate#1")
    pid = (await rig.hear("page")).pid
    (rig.folder / "start-waits").touch()
    os.kill(pid, signal.SIGKILL)
    await rig.until(lambda: rig.status().queue_pages == 1)
    await rig.pool.close()
    with pytest.raises(ShuttingDown):
        await reading


async def test_pages_that_wait_for_their_turn_in_a_document_are_told_too(rig: Rig) -> None:
    await rig.start(grace_s=0.1)
    tasks = [rig.task("gate#1")] * 50
    with rig.admit(50) as admission:
        readings = [asyncio.create_task(admission.read(task)) for task in tasks]
        await rig.hear("page")
        await rig.pool.close()
        outcomes = await asyncio.gather(*readings, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {ShuttingDown}


async def test_a_bug_in_the_scheduler_leaves_nobody_waiting(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.start(grace_s=1.0)
    running = rig.soon("gate#1")
    await rig.hear("page")

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    first = rig.soon("b")
    await rig.until(lambda: rig.status().queue_pages == 1)
    monkeypatch.setattr(FairQueue, "take", broken)
    rig.open("gate#1")
    outcomes = await asyncio.gather(running, first, return_exceptions=True)
    assert outcomes[0] == "gate#1"
    assert isinstance(outcomes[1], EngineUnavailable)
    with pytest.raises(EngineUnavailable):
        await rig.read("c")
    assert not rig.pool.ready
    assert "died" in (rig.status().failure or "")


async def test_closing_twice_is_closing_once(rig: Rig) -> None:
    await rig.start()
    await rig.pool.close()
    await rig.pool.close()
    assert not rig.pool.ready


ORPHAN = """
import asyncio, pathlib, sys
from prometheus_client import CollectorRegistry
from maoocr.engines.base import EngineSpec
from maoocr.pool import Pool
from maoocr.settings import PoolSettings, Settings
from maoocr.telemetry.metrics import Metrics

async def main():
    settings = Settings(_env_file=None, pool=PoolSettings(lanes=2))
    spec = EngineSpec("fake", ".fake:FakeEngine")
    pool = Pool([spec], settings, pathlib.Path(sys.argv[1]), Metrics(CollectorRegistry()))
    await pool.start()
    lanes = lambda: pool.status().engines["fake"].lanes
    while any(lane.state != "idle" for lane in lanes()):
        await asyncio.sleep(0.01)
    print(*(lane.pid for lane in lanes()), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_lanes_die_with_a_gateway_that_is_killed(tmp_path: object) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    gateway = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(tmp_path)], stdout=subprocess.PIPE, env=environment
    )
    with gateway:
        assert gateway.stdout is not None
        lanes = [psutil.Process(int(pid)) for pid in gateway.stdout.readline().split()]
        family = lanes + [child for lane in lanes for child in lane.children()]
        assert len(family) == 4
        gateway.kill()
    psutil.wait_procs(family, timeout=20)
    assert [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
