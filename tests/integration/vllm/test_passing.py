"""Calls that are passed on, against a server on the loopback that does everything wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from maoocr.vllm.client import EndpointClient
from maoocr.vllm.endpoints import Endpoint
from maoocr.vllm.exchange import Progress
from maoocr.vllm.failure import CallFailed
from maoocr.vllm.relay import Passage
from tests.fakes.vlm_server import Say, VlmServer

pytestmark = pytest.mark.integration

LONG = " ".join(f"word{n}" for n in range(200))
FIELDS = {"messages": [{"role": "user", "content": "Who?"}]}


@pytest.fixture
def server() -> Iterator[VlmServer]:
    with VlmServer() as server:
        yield server


@pytest.fixture
def endpoint(server: VlmServer) -> Endpoint:
    return Endpoint(
        "one", "vlm", "generic", f"{server.url}/v1", server.model,
        price_input_per_1k=1, price_output_per_1k=10,
    )  # fmt: skip


@pytest.fixture
async def client(endpoint: Endpoint) -> AsyncIterator[EndpointClient]:
    client = EndpointClient(endpoint)
    yield client
    await client.close()


async def failure(endpoint: Endpoint, passage: Passage) -> CallFailed:
    client = EndpointClient(endpoint)
    with pytest.raises(CallFailed) as raised:
        await client.call(passage, Progress())
    await client.close()
    return raised.value


def event(values: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(values, ensure_ascii=False)}\n\n".encode()


def choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


async def test_events_come_as_they_were_sent(server: VlmServer, client: EndpointClient) -> None:
    sent: list[dict[str, Any]] = [
        {"id": "a", "choices": [choice({"role": "assistant", "content": ""})]},
        {
            "id": "a",
            "choices": [choice({"reasoning_content": "Hm\u2028\x85"})],
            "new": {"x": [1.5]},
        },
        {"id": "a", "choices": [choice({"tool_calls": [{"index": 0, "id": "t"}]})]},
        {"id": "a", "choices": [choice({}, "tool_calls")]},
    ]
    server.default = Say(
        raw=b": hello\n\n" + b"".join([event(each) for each in sent]) + b"data: [DONE]\n\n"
    )
    heard: list[str] = []
    passage, progress = Passage(FIELDS, is_whole=False), Progress()
    answer = await client.call(passage, progress, on_text=heard.append)
    assert [json.loads(each) for each in heard] == sent
    assert answer.finish_reason == "stop"
    # Nobody counted, so its events are.
    assert (progress.completion_tokens, progress.has_text) == (4, True)


@pytest.mark.parametrize("wants", [True, False])
async def test_what_is_counted_is_heard_by_those_who_asked(
    server: VlmServer, client: EndpointClient, wants: bool
) -> None:
    server.default = Say("one two three")
    heard: list[str] = []
    passage, progress = Passage(FIELDS, is_whole=False, tells_usage=wants), Progress()
    await client.call(passage, progress, on_text=heard.append)
    events = [json.loads(each) for each in heard]
    *pieces, last = events
    if wants:
        assert [piece["usage"] for piece in pieces] == [None] * 5
        assert last == {
            "choices": [],
            "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
        }
    else:
        assert not any("usage" in each for each in events)
        assert last["choices"][0]["finish_reason"] == "stop"
    assert (passage.spent.input_tokens, passage.spent.output_tokens) == (11, 3)
    assert passage.spent.cost == pytest.approx(0.041)
    assert (passage.spent.endpoint, passage.spent.calls) == ("one", 1)


@pytest.mark.parametrize("say", [
    Say(LONG, drop="middle"), Say(LONG, drop="unfinished"), Say(LONG, drop="undone"),
    Say(LONG, finish="abort"), Say(raw=b"data: {}\n\ndata: [DONE]\n\n"), Say(raw=b"data: x\n\n"),
    Say(raw=b'data: {"error": {"message": "gone", "code": 500}}\n\n'),
    Say(raw=b""), Say(status=500),
])  # fmt: skip
async def test_what_has_no_end_is_no_answer(
    server: VlmServer, endpoint: Endpoint, say: Say
) -> None:
    server.default = say
    failed = await failure(endpoint, Passage(FIELDS, is_whole=False))
    assert failed.reason in {"broken", "server"}
    assert failed.counts


async def test_a_whole_answer_has_an_end_too(server: VlmServer, endpoint: Endpoint) -> None:
    server.default = Say(LONG, finish="abort")
    assert (await failure(endpoint, Passage(FIELDS, is_whole=True))).reason == "broken"
    server.default = Say(drop="before")
    assert (await failure(endpoint, Passage(FIELDS, is_whole=True))).reason == "server"


async def test_a_refusal_is_known_as_the_callers(server: VlmServer, endpoint: Endpoint) -> None:
    server.default = Say(status=400)
    passage = Passage(FIELDS, is_whole=True)
    assert (await failure(endpoint, passage)).reason == "request"
    assert passage.is_refused
    assert passage.spent.cost == 0


@pytest.mark.parametrize("whole", [True, False])
async def test_who_asks_for_much_speaks_against_nobody(
    server: VlmServer, endpoint: Endpoint, whole: bool
) -> None:
    server.default = Say("and so on ", endless=True, piece_s=0.01)
    short = replace(endpoint, total_s=0.5)
    passage = Passage(FIELDS | {"max_tokens": 10_000}, is_whole=whole)
    failed = await failure(short, passage)
    assert (failed.reason, failed.counts) == ("deadline", False)
    assert "total_s" in failed.message
    server.wait_for(lambda: server.aborted == 1)
    # What was made until then is known where it came in a stream.
    assert bool(passage.spent.output_tokens) is not whole


async def test_silence_before_a_stream_does(server: VlmServer, endpoint: Endpoint) -> None:
    server.default = Say(hang="before")
    silent = replace(endpoint, first_token_s=0.2)
    failed = await failure(silent, Passage(FIELDS, is_whole=False))
    assert (failed.reason, failed.counts) == ("timeout", True)


async def test_a_whole_answer_may_take_longer_than_a_first_piece(
    server: VlmServer, endpoint: Endpoint
) -> None:
    server.default = Say(LONG, piece_s=0.003)
    client, progress = EndpointClient(replace(endpoint, first_token_s=0.1)), Progress()
    heard: list[str] = []
    await client.call(Passage(FIELDS, is_whole=True), progress, on_text=heard.append)
    assert json.loads(heard[0])["choices"][0]["message"]["content"] == LONG
    assert (progress.completion_tokens, len(heard)) == (200, 1)
    await client.close()


@pytest.mark.parametrize("whole", [True, False])
async def test_cancelling_ends_the_work(
    server: VlmServer, client: EndpointClient, whole: bool
) -> None:
    server.default = Say("and so on ", endless=True, piece_s=0.01)
    passage = Passage(FIELDS | {"max_tokens": 10_000}, is_whole=whole)
    task = asyncio.ensure_future(client.call(passage, Progress()))
    await asyncio.to_thread(server.wait_for, lambda: server.running == 1)
    task.cancel()
    await asyncio.to_thread(server.wait_for, lambda: server.aborted == 1)
