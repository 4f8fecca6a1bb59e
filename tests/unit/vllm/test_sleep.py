"""When servers count as idle."""

from dataclasses import replace

import pytest

from maoocr.settings import VlmSettings
from maoocr.vllm.figures import Figures
from maoocr.vllm.health import Health
from maoocr.vllm.sleep import Sleeper
from tests.fakes.vlm_endpoints import Caller, Rig

SETTINGS = VlmSettings(sleep_after_seconds=60.0)


class Quiet:
    """Answers nothing; nobody asks it."""

    def __init__(self, caller: Caller) -> None:
        self.endpoint = caller.endpoint

    async def fetch(self, url: str, limit_s: float, method: str = "GET") -> tuple[int, bytes]:
        raise AssertionError(url)


@pytest.fixture
def rig() -> Rig:
    return Rig(Caller("one"), Caller("two"))


def sleeper_of(rig: Rig, *figures: Figures) -> Sleeper:
    hear(rig, *figures)
    clients = [Quiet(caller) for caller in rig.callers]
    return Sleeper(rig.endpoints, clients, SETTINGS, clock=lambda: rig.now)


def hear(rig: Rig, *figures: Figures) -> None:
    for member, found in zip(rig.members, figures, strict=True):
        rig.endpoints.hear(member, Health("up", "", found))


async def test_time_without_a_call_makes_them_idle(rig: Rig) -> None:
    sleeper = sleeper_of(rig, Figures(), Figures())
    rig.now = 50.0
    assert sleeper.rest_s() == 10.0
    await rig.ask()
    assert sleeper.rest_s() == 60.0
    rig.now = 110.0
    assert sleeper.rest_s() == 0.0


@pytest.mark.parametrize(
    "busy",
    [Figures(running=1, finished=5), Figures(waiting=1, finished=5), Figures(finished=5, tokens=9)],
)
async def test_what_others_ask_counts(rig: Rig, busy: Figures) -> None:
    sleeper = sleeper_of(rig, Figures(), Figures(finished=5))
    rig.now = 61.0
    hear(rig, Figures(), busy)
    assert sleeper.rest_s() == 60.0


async def test_what_others_asked_meanwhile_counts(rig: Rig) -> None:
    sleeper = sleeper_of(rig, Figures(), Figures(finished=5))
    rig.now = 61.0
    hear(rig, Figures(), Figures(finished=6))
    assert sleeper.rest_s() == 60.0
    rig.now = 121.0
    assert sleeper.rest_s() == 0.0


async def test_a_call_that_was_cancelled_and_is_still_counted_keeps_nobody_awake(rig: Rig) -> None:
    sleeper = sleeper_of(rig, Figures(), Figures(running=1, tokens=100))
    rig.now = 30.0
    hear(rig, Figures(), Figures(running=1, tokens=120))
    assert sleeper.rest_s() == 60.0
    rig.now = 90.0
    assert sleeper.rest_s() == 0.0


async def test_servers_that_are_away_are_not_idle(rig: Rig) -> None:
    sleeper = sleeper_of(rig, Figures(), Figures())
    for member in rig.members:
        rig.endpoints.hear(member, replace(member.health, state="down", reason="It is away."))
    rig.now = 1000.0
    assert sleeper.rest_s() == 60.0


class Server(Quiet):
    """Keeps what it is asked to do."""

    asked = ""

    async def fetch(self, url: str, limit_s: float, method: str = "GET") -> tuple[int, bytes]:
        if method == "POST":
            self.asked = url.removeprefix(self.endpoint.root)
        return 200, b'{"is_sleeping": true}'


async def test_calls_of_others_are_not_broken_off(rig: Rig) -> None:
    hear(rig, Figures(running=1), Figures())
    servers = [Server(caller) for caller in rig.callers]
    assert await Sleeper(rig.endpoints, servers, SETTINGS).sleep() == []
    assert [member.state for member in rig.members] == ["asleep", "asleep"]
    # Without the mode vLLM aborts what it is at.
    assert [server.asked for server in servers] == ["/sleep?level=1&mode=wait"] * 2
