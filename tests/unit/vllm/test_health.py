"""What a look at a server finds, from answers as servers give them."""

import asyncio
import json

import pytest

from maoocr.vllm.endpoints import Endpoint
from maoocr.vllm.failure import CallFailed
from maoocr.vllm.health import Health, HealthState, HealthWatch

METRICS = b'vllm:num_requests_running{engine="0"} 3.0\nvllm:num_requests_waiting{engine="0"} 1.0\n'
ASLEEP = METRICS + b'vllm:engine_sleep_state{engine="0",sleep_state="discard_all"} 1.0\n'

Answer = tuple[int, bytes] | CallFailed


def models(*names: str) -> bytes:
    return json.dumps({"data": [{"id": name, "max_model_len": 4096} for name in names]}).encode()


class Server:
    """Answers its small routes as the test says."""

    def __init__(self) -> None:
        self.endpoint = Endpoint("one", "vlm", "generic", "http://one:8000/v1", "m")
        self.answers: dict[str, Answer] = {
            "/health": (200, b""),
            "/metrics": (200, METRICS),
            "/v1/models": (200, models("m", "other")),
        }
        self.asked: list[str] = []

    async def fetch(self, url: str, limit_s: float, method: str = "GET") -> tuple[int, bytes]:
        route = url.removeprefix("http://one:8000")
        self.asked.append(route)
        answer = self.answers[route]
        if isinstance(answer, CallFailed):
            raise answer
        return answer


@pytest.fixture
def server() -> Server:
    return Server()


def watch(server: Server, health: Health | None = None) -> HealthWatch:
    found = HealthWatch(server, 5.0, lambda _: None)
    found._health = health or Health()
    return found


async def test_all_is_well(server: Server) -> None:
    health = await watch(server).look()
    assert (health.state, health.reason, health.context_tokens) == ("up", "", 4096)
    assert health.figures is not None
    assert (health.figures.running, health.figures.waiting) == (3, 1)


@pytest.mark.parametrize(
    ("route", "answer", "state"),
    [
        ("/health", (503, b""), "down"),
        ("/health", CallFailed("connect", "one cannot be reached."), "down"),
        ("/health", (404, b""), "up"),
        ("/metrics", (404, b""), "up"),
        ("/metrics", (200, b"\xff other 1"), "up"),
        ("/metrics", CallFailed("timeout", "one did not answer."), "up"),
        ("/metrics", (200, ASLEEP), "asleep"),
        ("/v1/models", (200, models("another")), "wrong"),
        ("/v1/models", (200, models()), "wrong"),
        ("/v1/models", (401, b'{"error":"Unauthorized"}'), "wrong"),
        ("/v1/models", (500, b""), "up"),
        ("/v1/models", (200, b"<html>"), "up"),
        ("/v1/models", (200, b'{"data":[{"name":"m"}]}'), "up"),
    ],
)
async def test_what_is_not_well_is_told(
    server: Server, route: str, answer: Answer, state: HealthState
) -> None:
    server.answers[route] = answer
    health = await watch(server).look()
    assert health.state == state
    assert (health.reason == "") == (state == "up")
    assert health.reason == "" or health.reason.startswith("one ")


async def test_the_model_that_is_missing_is_named(server: Server) -> None:
    server.answers["/v1/models"] = (200, models("another"))
    health = await watch(server).look()
    assert "'m'" in health.reason
    assert "'another'" in health.reason


async def test_one_late_answer_is_no_end(server: Server) -> None:
    was = Health("up")
    looking = watch(server, was)
    server.answers["/health"] = CallFailed("timeout", "one did not answer within 2 s.")
    assert await looking.look() is was
    assert (await looking.look()).state == "down"


async def test_one_from_which_text_comes_is_there_however_late_it_is(server: Server) -> None:
    alive = [True]
    looking = HealthWatch(server, 5.0, lambda _: None, shows_life=lambda: alive[0])
    looking._health = was = Health("up")
    server.answers["/health"] = CallFailed("timeout", "one did not answer within 2 s.")
    for _ in range(5):
        assert await looking.look() is was
    alive[0] = False
    await looking.look()
    assert (await looking.look()).state == "down"


async def test_models_are_asked_for_now_and_then(server: Server) -> None:
    looking = watch(server)
    for _ in range(24):
        looking._health = await looking.look()
        assert looking._health.context_tokens == 4096
    assert server.asked.count("/v1/models") == 3


async def test_a_look_beside_falling_asleep_is_forgotten(server: Server) -> None:
    turns = iter([0, 1, 1, 1, 1, 2, 2, 2])
    told = asyncio.get_running_loop().create_future()
    looks = HealthWatch(server, 0.0, told.set_result, turns=lambda: next(turns))
    task = asyncio.create_task(looks.run())
    assert (await told).state == "up"
    assert server.asked.count("/health") == 4
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("ours", [True, False])
async def test_one_that_we_put_to_sleep_is_asked_itself(server: Server, ours: bool) -> None:
    """Its figures need not tell."""
    asked = []

    async def is_sleeping() -> bool:
        asked.append(True)
        return True

    looks = HealthWatch(
        server, 5.0, lambda _: None, was_put_to_sleep=lambda: ours, is_sleeping=is_sleeping
    )
    assert (await looks.look()).state == ("asleep" if ours else "up")
    assert bool(asked) == ours


async def test_it_looks_again_when_it_is_told_to(server: Server) -> None:
    told: asyncio.Queue[Health] = asyncio.Queue()
    looks = HealthWatch(server, 3600.0, told.put_nowait)
    task = asyncio.create_task(looks.run())
    assert (await told.get()).state == "up"
    server.answers["/metrics"] = (200, ASLEEP)
    looks.hurry()
    assert (await told.get()).state == "asleep"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
