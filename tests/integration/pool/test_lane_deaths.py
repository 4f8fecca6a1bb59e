"""Lanes that are killed, crash, hang or eat memory: one page at most is lost, nobody waits."""

import asyncio
import os
import random
import signal

import psutil
import pytest

from maoocr.errors import EngineLost, EngineUnavailable, PageTooComplex
from tests.fakes.rig import Rig

pytestmark = pytest.mark.integration


async def test_a_page_survives_the_kill_of_its_lane(rig: Rig) -> None:
    await rig.start(lanes=1)
    reading = rig.soon("gate#1")
    os.kill((await rig.hear("page")).pid, signal.SIGKILL)
    again = await rig.hear("page", times=2)
    rig.open("gate#1")
    assert await reading == "gate#1"
    assert again.pid != rig.events[1].pid
    assert rig.restarts("killed") == 1


async def test_an_idle_lane_that_is_killed_is_replaced_at_once(rig: Rig) -> None:
    await rig.start(lanes=1)
    before = rig.status().lanes[0].pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    await rig.hear("start", times=2)
    await rig.until(lambda: rig.status().lanes[0].state == "idle")
    assert rig.status().lanes[0].pid != before
    assert await rig.read("hello") == "hello"


@pytest.mark.parametrize("attack", ["exit", "segfault"])
async def test_a_page_that_kills_its_lane_is_tried_once_more(rig: Rig, attack: str) -> None:
    await rig.start(lanes=1)
    with pytest.raises(EngineLost):
        await rig.read(attack)
    assert len(rig.calls()) == 2
    assert await rig.read("hello") == "hello"
    assert rig.restarts("crash") == 2


@pytest.mark.parametrize("attack", ["babble", "flood", "stray", "early", "void", "twice"])
async def test_a_lane_that_answers_nonsense_is_killed(rig: Rig, attack: str) -> None:
    await rig.start(lanes=1)
    with pytest.raises(EngineLost):
        await rig.read(attack)
    await rig.until(lambda: rig.restarts("crash") == 2)


async def test_a_page_whose_lane_crashed_by_chance_is_read_by_the_next(rig: Rig) -> None:
    await rig.start(lanes=1)
    assert await rig.read("exitonce#1") == "exitonce#1"


async def test_neighbours_survive_a_page_that_kills_the_lane(rig: Rig) -> None:
    await rig.start(lanes=1, batch=4)
    first = rig.soon("gate#1")
    await rig.hear("page")
    batch = [rig.soon(token) for token in ("a", "exit", "c")]
    await rig.until(lambda: rig.status().queue_pages == 3)
    rig.open("gate#1")
    texts = await asyncio.gather(first, *batch, return_exceptions=True)
    assert isinstance(texts.pop(2), EngineLost)
    assert texts == ["gate#1", "a", "c"]


async def test_a_page_over_its_time_fails_and_the_lane_lives(rig: Rig) -> None:
    await rig.start(lanes=1, limits={"page_seconds": 1.0})
    with pytest.raises(PageTooComplex, match=r"1 s .MAOOCR_LIMITS__PAGE_SECONDS"):
        await rig.read("spin")
    assert await rig.read("hello") == "hello"
    assert rig.status().restarts == {}


async def test_a_lane_that_hangs_is_killed_and_its_page_not_tried_again(rig: Rig) -> None:
    await rig.start(lanes=1, limits={"page_seconds": 1.0})
    with pytest.raises(PageTooComplex, match=r"1 s .MAOOCR_LIMITS__PAGE_SECONDS"):
        await rig.read("hang")
    assert await rig.read("hello") == "hello"
    assert rig.restarts("hang") == 1
    assert rig.calls() == [["hang"], ["hello"]]


async def test_neighbours_survive_a_page_that_hangs(rig: Rig) -> None:
    await rig.start(lanes=1, batch=4, limits={"page_seconds": 1.0})
    first = rig.soon("gate#1")
    await rig.hear("page")
    batch = [rig.soon(token) for token in ("a", "hang", "c")]
    await rig.until(lambda: rig.status().queue_pages == 3)
    rig.open("gate#1")
    texts = await asyncio.gather(first, *batch, return_exceptions=True)
    assert isinstance(texts.pop(2), PageTooComplex)
    assert texts == ["gate#1", "a", "c"]


async def test_a_page_that_eats_memory_fails_and_the_lane_is_replaced(rig: Rig) -> None:
    await rig.start(lanes=1, lane_memory_bytes=512 << 20)
    pid = rig.status().lanes[0].pid
    with pytest.raises(PageTooComplex, match="MAOOCR_POOL__LANE_MEMORY_BYTES"):
        await rig.read("eat")
    assert await rig.read("hello") == "hello"
    assert rig.restarts("memory") == 1
    assert rig.status().lanes[0].pid != pid


async def test_neighbours_survive_a_page_that_eats_memory(rig: Rig) -> None:
    await rig.start(lanes=1, batch=4, lane_memory_bytes=512 << 20)
    first = rig.soon("gate#1")
    await rig.hear("page")
    batch = [rig.soon(token) for token in ("a", "eat", "c")]
    await rig.until(lambda: rig.status().queue_pages == 3)
    rig.open("gate#1")
    texts = await asyncio.gather(first, *batch, return_exceptions=True)
    assert isinstance(texts.pop(2), PageTooComplex)
    assert texts == ["gate#1", "a", "c"]


async def test_a_lane_that_grew_is_replaced_between_pages(rig: Rig) -> None:
    await rig.start(lanes=1, lane_rss_bytes=128 << 20)
    assert await rig.read("hoard") == "hoard"
    assert await rig.read("hello") == "hello"
    assert rig.restarts("memory") == 1


async def test_what_a_page_frees_goes_back_to_the_system(rig: Rig) -> None:
    await rig.start(lanes=1)
    before = await _bytes_after(rig, "hello", pages=1)
    assert 0 < await _bytes_after(rig, "crumble", pages=2) - before < 40 << 20


async def test_a_lane_is_recycled_after_its_pages(rig: Rig) -> None:
    await rig.start(lanes=1, recycle_pages=2)
    for number in range(5):
        assert await rig.read(f"page {number}") == f"page {number}"
    assert rig.restarts("recycle") == 2
    assert len({e.pid for e in rig.events if e.kind == "page"}) == 3


@pytest.mark.parametrize("flag", ["start-fails", "start-dies"])
async def test_an_engine_that_cannot_be_started_is_said_and_tried_again(
    rig: Rig, flag: str
) -> None:
    (rig.folder / flag).touch()
    await rig.start(lanes=2)
    assert not rig.pool.ready
    assert rig.status().failure is not None
    with pytest.raises(EngineUnavailable, match="cannot be started"):
        await rig.read("hello")
    (rig.folder / flag).unlink()
    await rig.until(lambda: rig.pool.ready)
    assert await rig.read("hello") == "hello"
    assert rig.restarts("start_failed") >= 2


async def test_pages_that_wait_are_given_up_when_no_lane_comes_back(rig: Rig) -> None:
    await rig.start(lanes=1)
    reading = rig.soon("gate#1")
    pid = (await rig.hear("page")).pid
    (rig.folder / "start-fails").touch()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineUnavailable):
        await reading


async def test_a_lane_that_does_not_load_in_time_is_killed(rig: Rig) -> None:
    (rig.folder / "start-waits").touch()
    await rig.start(lanes=1, start_seconds=0.5)
    assert "MAOOCR_POOL__START_SECONDS" in (rig.status().failure or "")
    (rig.folder / "start-waits").unlink()


async def test_nothing_is_lost_or_mixed_up_while_lanes_are_killed(rig: Rig) -> None:
    await rig.start(lanes=2, options={"delay_s": 0.002}, max_queue_seconds=300, max_documents=500)
    chance = random.Random(7)
    tokens = [f"token {number} {chance.random()}" for number in range(240)]
    done = 0

    async def read(token: str, client: str) -> str:
        nonlocal done
        text = await rig.read(token, client=client, seconds=300)
        done += 1
        if done % 20 == 0:
            victim = chance.choice([x.pid for x in rig.status().lanes if x.pid] or [0])
            if victim:
                os.kill(victim, signal.SIGKILL)
        return text

    texts = await asyncio.gather(*(read(t, str(n % 5)) for n, t in enumerate(tokens)))
    assert texts == tokens
    assert rig.restarts("killed") >= 6


async def test_the_decoder_of_a_killed_lane_dies_with_it(rig: Rig) -> None:
    await rig.start(lanes=1)
    await rig.read("hello")
    pid = rig.status().lanes[0].pid
    decoders = psutil.Process(pid).children()
    assert decoders
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await rig.hear("start", times=2)
    await rig.until(lambda: not any(decoder.is_running() for decoder in decoders))


async def _bytes_after(rig: Rig, token: str, *, pages: int) -> int:
    assert await rig.read(token) == token
    await rig.until(lambda: rig.status().lanes[0].pages == pages)
    return rig.status().lanes[0].rss_bytes
