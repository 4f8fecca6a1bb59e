"""Pages that share a call of the engine, and callers who leave."""

import asyncio
import logging

import pytest

from maoocr.errors import CallerLeft, EngineFault, UnreadableDocument
from maoocr.pool import pool
from maoocr.telemetry.logging import request_id_var
from tests.fakes.rig import Rig

pytestmark = pytest.mark.integration


async def together(rig: Rig, *tokens: str) -> list[asyncio.Task[str]]:
    """Queue the tokens while the only lane is busy, so that they form one batch."""
    first = rig.soon("gate#first")
    await rig.hear("page", "gate#first")
    batch = [rig.soon(token) for token in tokens]
    await rig.until(lambda: rig.status().queue_pages == len(tokens))
    rig.open("gate#first")
    assert await first == "gate#first"
    return batch


async def test_a_caller_who_leaves_mid_batch_does_not_hurt_his_neighbours(rig: Rig) -> None:
    await rig.start(batch=4)
    a, b, c = await together(rig, "a", "b", "gate#c")
    await rig.hear("page", "gate#c")
    b.cancel()
    rig.open("gate#c")
    outcomes = await asyncio.gather(a, b, c, return_exceptions=True)
    assert isinstance(outcomes[1], asyncio.CancelledError)
    assert (outcomes[0], outcomes[2]) == ("a", "gate#c")
    assert rig.calls() == [["gate#first"], ["a", "b", "gate#c"]]
    assert rig.status().restarts == {}


@pytest.mark.parametrize("poison", ["raise", "few", "nan"])
async def test_neighbours_survive_a_poison_page(rig: Rig, poison: str) -> None:
    await rig.start(batch=4)
    a, bad, c = await together(rig, "a", poison, "c")
    outcomes = await asyncio.gather(a, bad, c, return_exceptions=True)
    assert isinstance(outcomes[1], EngineFault)
    assert "secret" not in str(outcomes[1])
    assert (outcomes[0], outcomes[2]) == ("a", "c")
    assert await rig.read("d") == "d"
    assert rig.status().restarts == {}


async def test_what_a_lane_logs_of_a_page_names_the_request_of_that_page(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.start(batch=4)

    async def read(token: str, request_id: str) -> None:
        request_id_var.set(request_id)
        with pytest.raises(EngineFault):
            await rig.read(token)

    with caplog.at_level(logging.ERROR, "maoocr.lane"):
        await asyncio.gather(
            *(asyncio.create_task(read(f"raise#{name}", name)) for name in ("one", "two"))
        )
    told = [vars(record).get("request_id") for record in caplog.records]
    assert sorted(filter(None, told)) == ["one", "two"]


async def test_a_page_that_cannot_be_decoded_fails_alone(rig: Rig) -> None:
    await rig.start(batch=4)
    rig.broken = {"b"}
    a, b, c = await together(rig, "a", "b", "c")
    outcomes = await asyncio.gather(a, b, c, return_exceptions=True)
    assert isinstance(outcomes[1], UnreadableDocument)
    assert (outcomes[0], outcomes[2]) == ("a", "c")
    assert rig.calls()[1:] == [["a", "c"]]


async def test_a_caller_who_leaves_the_queue_is_never_served(rig: Rig) -> None:
    await rig.start()
    first = rig.soon("gate#1")
    await rig.hear("page")
    waiting = rig.soon("b")
    await rig.until(lambda: rig.status().queue_pages == 1)
    waiting.cancel()
    await rig.until(lambda: rig.status().queue_pages == 0)
    rig.open("gate#1")
    assert await first == "gate#1"
    assert await rig.read("c") == "c"
    assert rig.calls() == [["gate#1"], ["c"]]


async def test_the_engine_stops_for_a_caller_who_leaves_and_the_lane_lives(rig: Rig) -> None:
    await rig.start()
    reading = rig.soon("spin")
    pid = (await rig.hear("page", "spin")).pid
    reading.cancel()
    assert await rig.read("after") == "after"
    assert (await rig.hear("page", "after")).pid == pid
    assert rig.status().restarts == {}


async def test_a_lane_that_does_not_stop_for_a_caller_who_left_is_killed(rig: Rig) -> None:
    await rig.start(limits={"page_seconds": 0.5})
    reading = rig.soon("hang")
    await rig.hear("page", "hang")
    reading.cancel()
    assert await rig.read("after") == "after"
    assert rig.restarts("hang") == 1
    assert rig.calls() == [["hang"], ["after"]]


async def test_a_document_that_is_given_up_takes_its_pages_along(rig: Rig) -> None:
    await rig.start()
    admission = rig.admit(2)
    readings = [asyncio.create_task(admission.read(rig.task(t))) for t in ("spin", "b")]
    await rig.hear("page", "spin")
    admission.release()
    admission.release()
    outcomes = await asyncio.gather(*readings, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [CallerLeft, CallerLeft]
    with pytest.raises(CallerLeft):
        await admission.read(rig.task("c"))
    assert await rig.read("after") == "after"
    assert rig.calls() == [["spin"], ["after"]]


async def test_options_that_change_the_call_never_mix(rig: Rig) -> None:
    await rig.start(batch=4)
    first = rig.soon("gate#1")
    await rig.hear("page")
    readings = []
    for token, language in (("e1", "en"), ("f1", "fr"), ("e2", "en"), ("f2", "fr")):
        readings.append(rig.soon(token, language=language))
        await rig.until(lambda: rig.status().queue_pages == len(readings))
    rig.open("gate#1")
    assert [await r for r in readings] == ["e1/en", "f1/fr", "e2/en", "f2/fr"]
    assert await first == "gate#1"
    assert rig.calls()[1:] == [["e1", "e2"], ["f1", "f2"]]


async def test_the_cores_are_shared_anew_whenever_a_page_begins_or_ends(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "gateway_cores", lambda _: 4)
    await rig.start(lanes=2)
    first = rig.soon("gate#1")
    await rig.hear("threads", "gate#1 4")
    second = rig.soon("gate#2")
    await rig.hear("threads", "gate#2 2")
    await rig.hear("threads", "gate#1 2")
    rig.open("gate#2")
    assert await second == "gate#2"
    await rig.hear("threads", "gate#1 4", times=2)
    rig.open("gate#1")
    assert await first == "gate#1"
