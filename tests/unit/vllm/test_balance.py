"""Who takes a call and who takes it over, with endpoints that do as the test says."""

import asyncio
from datetime import date

import pytest

from maoocr.errors import (
    DeadlineExceeded,
    EndpointFault,
    EndpointRefused,
    EndpointUnavailable,
)
from maoocr.vllm.failure import Reason
from maoocr.vllm.figures import Figures
from maoocr.vllm.health import Health
from tests.fakes.vlm_endpoints import Caller, Rig, turns


async def test_a_reply_says_who_answered_and_what_it_cost() -> None:
    rig = Rig(Caller("one", price_input_per_1k=1.0, price_output_per_1k=10.0))
    reply = await rig.ask()
    assert (reply.text, reply.endpoint, reply.finish_reason) == ("text", "one", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.calls) == (1000, 100, 1)
    assert reply.cost == pytest.approx(2.0)
    assert rig.value("maoocr_vlm_calls_total", endpoint="one", outcome="stop") == 1
    assert rig.value("maoocr_vlm_tokens_total", endpoint="one", kind="input") == 1000
    assert rig.value("maoocr_cost_total", engine="vlm", endpoint="one") == pytest.approx(2.0)
    assert rig.value("maoocr_vlm_calls_in_flight", endpoint="one") == 0


async def test_work_is_shared_by_weight() -> None:
    small, large = Caller("small", weight=1.0), Caller("large", weight=3.0, concurrency=100)
    small.holds = large.holds = True
    rig = Rig(small, large)
    async with rig.asking(16):
        assert (small.calls, large.calls) == (4, 12)


async def test_no_endpoint_gets_more_than_its_slots_and_the_rest_waits() -> None:
    one, two = Caller("one", concurrency=2), Caller("two", concurrency=3)
    one.holds = two.holds = True
    rig = Rig(one, two)
    assert rig.endpoints.concurrency == 5
    async with rig.asking(9) as tasks:
        assert (one.calls, two.calls) == (2, 3)
        one.let_go()
        await turns()
        assert (one.calls, two.calls) == (4, 3)
        one.holds = two.holds = False
        one.let_go()
        two.let_go()
        await asyncio.gather(*tasks)


async def test_waiting_ends_with_the_deadline() -> None:
    one = Caller("one", concurrency=1)
    one.holds = True
    rig = Rig(one)
    async with rig.asking(1):
        await rig.fails(DeadlineExceeded, deadline=0.0)


async def test_one_who_waits_may_leave() -> None:
    one = Caller("one", concurrency=1)
    one.holds = True
    rig = Rig(one)
    async with rig.asking(3) as tasks:
        tasks[1].cancel()
        await turns()
        one.holds = False
        one.let_go()
        await tasks[0]
        await tasks[2]


@pytest.mark.parametrize(
    "reason", ["connect", "timeout", "server", "broken", "full", "limited", "key", "model"]
)
async def test_the_next_endpoint_takes_over(reason: Reason) -> None:
    one, two = Caller("one"), Caller("two")
    one.fails = reason
    reply = await Rig(one, two).ask()
    assert (reply.endpoint, reply.calls) == ("two", 2)


async def test_each_endpoint_is_asked_once() -> None:
    one, two = Caller("one"), Caller("two")
    one.fails = two.fails = "server"
    error = await Rig(one, two).fails(EndpointFault)
    assert str(error) == "two failed."
    assert (one.calls, two.calls) == (1, 1)


async def test_a_request_that_is_wrong_is_not_passed_around() -> None:
    one, two = Caller("one"), Caller("two")
    one.fails = "request"
    rig = Rig(one, two)
    await rig.fails(EndpointRefused)
    assert two.calls == 0
    one.fails = None
    assert rig.members[0].may_call


async def test_what_the_caller_heard_is_not_begun_again() -> None:
    one, two = Caller("one"), Caller("two")
    one.fails, one.speaks_first = "broken", True
    rig = Rig(one, two)
    await rig.fails(EndpointFault, on_text=lambda _: None)
    assert two.calls == 0
    assert (await rig.ask()).endpoint == "two"


async def test_failed_attempts_are_paid_for() -> None:
    one, two = Caller("one", price_per_page=1.0), Caller("two", price_per_page=10.0)
    one.fails, one.speaks_first = "broken", True
    rig = Rig(one, two)
    assert (await rig.ask()).cost == pytest.approx(11.0)
    assert [member.budget.spent for member in rig.members] == [1.0, 10.0]


async def test_an_endpoint_that_fails_is_left_alone_and_tried_again() -> None:
    one, two = Caller("one"), Caller("two", weight=0.001)
    one.fails = "server"
    rig = Rig(one, two)
    for _ in range(10):
        assert (await rig.ask()).endpoint == "two"
    assert one.calls == 3
    assert rig.members[0].state == "failing"
    assert "one failed. It is left alone for 5 s." in rig.members[0].reason
    assert rig.value("maoocr_vlm_endpoint_up", endpoint="one") == 0
    assert rig.value("maoocr_vlm_breaker_openings_total", endpoint="one", reason="server") == 1
    rig.now, one.fails = 5.0, None
    assert (await rig.ask()).endpoint == "one"
    assert rig.value("maoocr_vlm_endpoint_up", endpoint="one") == 1


async def test_half_open_one_call_at_a_time_finds_out() -> None:
    one, two = Caller("one"), Caller("two", weight=0.001)
    one.fails = "server"
    rig = Rig(one, two)
    for _ in range(3):
        await rig.ask()
    rig.now, one.fails, one.holds = 5.0, None, True
    async with rig.asking(5) as tasks:
        assert (one.calls, two.calls) == (4, 7)
        one.let_go()
        assert {(await task).endpoint for task in tasks} == {"one", "two"}
    assert rig.members[0].may_call


async def test_with_nobody_left_the_caller_learns_when_to_come_back() -> None:
    one = Caller("one")
    one.fails = "connect"
    rig = Rig(one)
    for _ in range(3):
        await rig.fails(EndpointUnavailable)
    error = await rig.fails(EndpointUnavailable)
    assert isinstance(error, EndpointUnavailable)
    assert error.retry_after_s == 5.0
    assert "one failed." in error.message
    assert one.calls == 3


async def test_calls_that_wait_for_their_first_word_move_when_it_is_given_up() -> None:
    """Those that came later need not wait as long as those by which it was found out."""
    mute, other = Caller("mute", weight=100.0), Caller("other")
    mute.holds, mute.fails = True, "timeout"
    rig = Rig(mute, other)
    async with rig.asking(3):
        other.holds = False
        mute.let_go()
        late = [asyncio.create_task(rig.ask()) for _ in range(2)]
        await turns()
        replies = await asyncio.gather(*late)
    assert {reply.endpoint for reply in replies} == {"other"}
    assert mute.cancelled == 2


async def test_a_server_that_is_found_away_gets_no_calls_and_loses_those_it_has() -> None:
    one, two = Caller("one", weight=100.0), Caller("two")
    one.holds = True
    rig = Rig(one, two)
    async with rig.asking(2) as tasks:
        rig.endpoints.hear(rig.members[0], Health("down", "one cannot be reached."))
        assert {(await task).endpoint for task in tasks} == {"two"}
    assert (await rig.ask()).endpoint == "two"
    assert rig.members[0].status().state == "away"
    one.holds = False
    rig.endpoints.hear(rig.members[0], Health("up"))
    assert (await rig.ask()).endpoint == "one"


async def test_a_server_that_came_back_need_not_wait_for_its_cooldown() -> None:
    one = Caller("one")
    one.fails = "connect"
    rig = Rig(one)
    for _ in range(3):
        await rig.fails(EndpointUnavailable)
    rig.endpoints.hear(rig.members[0], Health("down", "away"))
    one.fails = None
    rig.endpoints.hear(rig.members[0], Health("up"))
    assert (await rig.ask()).endpoint == "one"


async def test_text_that_flows_is_not_taken_away_by_a_look() -> None:
    one = Caller("one")
    one.holds = one.speaks_first = True
    rig = Rig(one)
    async with rig.asking(1) as tasks:
        rig.endpoints.hear(rig.members[0], Health("down", "away"))
        one.let_go()
        assert (await tasks[0]).text == "text"


async def test_one_who_waits_takes_the_slot_of_a_server_that_came_back() -> None:
    one, two = Caller("one", concurrency=1), Caller("two", concurrency=1)
    one.holds = two.holds = True
    rig = Rig(one, two)
    rig.endpoints.hear(rig.members[1], Health("asleep", "two is asleep."))
    assert rig.value("maoocr_vlm_endpoint_up", endpoint="two") == 1
    async with rig.asking(2):
        assert (one.calls, two.calls) == (1, 0)
        rig.endpoints.hear(rig.members[1], Health("up"))
        await turns()
        assert (one.calls, two.calls) == (1, 1)


async def test_a_server_that_others_use_too_gets_less() -> None:
    one, two = Caller("one"), Caller("two")
    rig = Rig(one, two)
    rig.endpoints.hear(rig.members[0], Health("up", "", Figures(running=4, waiting=2)))
    for _ in range(4):
        assert (await rig.ask()).endpoint == "two"
    assert rig.value("maoocr_vlm_server_waiting_calls", endpoint="one") == 2


async def test_one_that_keeps_a_call_waiting_is_the_last_choice() -> None:
    mute, other = Caller("mute", weight=100.0), Caller("other")
    mute.holds = True
    rig = Rig(mute, other)
    async with rig.asking(1):
        rig.now = 0.5 * mute.endpoint.first_token_s
        assert (await rig.ask()).endpoint == "other"


async def test_a_budget_that_is_spent_ends_in_fallback_until_tomorrow() -> None:
    cloud = Caller("cloud", price_per_page=0.4, daily_budget=1.0, weight=100.0)
    rig = Rig(cloud, Caller("other"))
    answered = [(await rig.ask()).endpoint for _ in range(5)]
    assert answered == ["cloud"] * 3 + ["other"] * 2
    assert rig.members[0].state == "spent"
    assert "daily_budget" in rig.members[0].reason
    rig.day = date(2026, 1, 2)
    assert (await rig.ask()).endpoint == "cloud"


async def test_too_many_calls_to_a_cloud_are_a_pause_as_long_as_it_asks_for() -> None:
    cloud = Caller("cloud", weight=100.0)
    cloud.fails = "limited"
    rig = Rig(cloud, Caller("other"))
    assert (await rig.ask()).endpoint == "other"
    assert (await rig.ask()).endpoint == "other"
    assert cloud.calls == 1
    assert rig.members[0].wait_s == 5.0


async def test_cancelling_frees_the_slot() -> None:
    one = Caller("one", concurrency=1)
    one.holds = True
    rig = Rig(one)
    async with rig.asking(1) as tasks:
        tasks[0].cancel()
        await turns()
        assert one.cancelled == 1
        assert rig.members[0].has_room
    assert rig.value("maoocr_vlm_calls_total", endpoint="one", outcome="cancelled") == 1
    assert rig.members[0].may_call


async def test_what_the_listener_raises_is_nobodys_fault() -> None:
    rig = Rig(Caller("one"))

    def listen(piece: str) -> None:
        raise KeyError(piece)

    for _ in range(10):
        await rig.fails(KeyError, on_text=listen)
    assert rig.members[0].may_call


def test_a_status_tells_all() -> None:
    rig = Rig(Caller("one"))
    status = rig.endpoints.status()[0]
    assert (status.name, status.state, status.reason) == ("one", "unknown", "")
    rig.endpoints.hear(rig.members[0], Health("up", "", Figures(1, 2, 0.5), 2048))
    status = rig.endpoints.status()[0]
    assert (status.state, status.waiting, status.kv_cache) == ("ready", 2, 0.5)
    assert status.context_tokens == 2048
