"""More work than room, deadlines, and a long document beside single images."""

import asyncio
import time

import pytest

from maoocr.errors import DeadlineExceeded, Overloaded, UnknownEngine
from tests.fakes.rig import Rig

pytestmark = pytest.mark.integration


async def test_who_finds_no_room_is_told_so_at_once(rig: Rig) -> None:
    await rig.start(max_documents=2)
    readings = [rig.soon(token) for token in ("gate#1", "gate#2", "c", "d")]
    refused = await asyncio.gather(*readings[2:], return_exceptions=True)
    assert [type(error) for error in refused] == [Overloaded, Overloaded]
    assert "2" in str(refused[0])
    assert "MAOOCR_POOL__MAX_DOCUMENTS" in str(refused[0])
    rig.open("gate#1")
    rig.open("gate#2")
    assert await asyncio.gather(*readings[:2]) == ["gate#1", "gate#2"]
    assert await rig.read("e") == "e"


async def test_the_time_to_try_again_comes_from_the_measured_rate(rig: Rig) -> None:
    await rig.start(options={"delay_s": 0.05}, max_queue_seconds=2.0)
    for number in range(5):
        await rig.read(f"warm {number}")
    await rig.until(lambda: rig.status().lanes[0].state == "idle")
    seconds_per_page = rig.status().seconds_per_page
    assert seconds_per_page < 0.5
    room = int(2.0 / seconds_per_page) + 1
    readings = [rig.soon(f"page {number}") for number in range(room + 20)]
    outcomes = await asyncio.gather(*readings, return_exceptions=True)
    refused = [error for error in outcomes if isinstance(error, Overloaded)]
    assert len(refused) == 20
    waits = [error.retry_after_s or 0 for error in refused]
    assert 1.0 <= waits[0] < 3.0
    assert waits == sorted(waits)
    assert waits[-1] - waits[0] == pytest.approx(19 * seconds_per_page, rel=0.5)
    assert "MAOOCR_POOL__MAX_QUEUE_SECONDS" in str(refused[0])
    assert sum(isinstance(outcome, str) for outcome in outcomes) == room


async def test_a_page_whose_deadline_passes_in_the_queue_is_never_run(rig: Rig) -> None:
    await rig.start()
    await rig.read("warm")
    first = rig.soon("gate#1")
    await rig.hear("page", "gate#1")
    with pytest.raises(DeadlineExceeded):
        await rig.read("late", seconds=1.0)
    rig.open("gate#1")
    assert await first == "gate#1"
    assert await rig.read("after") == "after"
    assert rig.calls() == [["warm"], ["gate#1"], ["after"]]


async def test_a_page_in_work_is_stopped_at_its_deadline(rig: Rig) -> None:
    await rig.start()
    with pytest.raises(DeadlineExceeded):
        await rig.read("spin", seconds=0.3)
    assert await rig.read("after") == "after"
    assert rig.status().restarts == {}


@pytest.mark.parametrize("client", ["the same", "another"])
async def test_a_single_image_goes_before_the_next_page_of_a_long_document(
    rig: Rig, client: str
) -> None:
    lanes = 2
    await rig.start(lanes=lanes, max_queue_seconds=600)
    tasks = [rig.task(f"gate#{number}") for number in range(lanes)]
    tasks += [rig.task(f"page {number}") for number in range(lanes, 300)]
    with rig.admit(300, client="the same", seconds=600) as admission:
        document = [asyncio.create_task(admission.read(task)) for task in tasks]
        await rig.hear("page", times=lanes)
        await rig.until(lambda: rig.status().queue_pages > 0)
        assert rig.status().queue_pages <= 2 * lanes
        single = rig.soon("single", client=client)
        await rig.until(lambda: rig.status().documents == 2)
        rig.open("gate#0")
        assert await single == "single"
        pages = [e.text for e in rig.events if e.kind == "page"]
        assert pages.index("single") == lanes
        rig.open("gate#1")
        results = await asyncio.gather(*document)
    assert [r.text for r in results][lanes:] == [f"page {n}" for n in range(lanes, 300)]


async def test_an_engine_that_there_is_not_is_named(rig: Rig) -> None:
    await rig.start()
    with pytest.raises(UnknownEngine, match="misbehaving"):
        rig.pool.admit("tesseract", 1, client="a", deadline=time.monotonic() + 1)
