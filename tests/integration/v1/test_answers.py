"""/v1 with the client that callers use: answers, streams, what breaks and who leaves."""

import asyncio
import json
import threading
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk

from tests.fakes.documents import png
from tests.fakes.vlm_server import Ask, Say, VlmServer
from tests.integration.v1.conftest import ASK, client_of, usage
from tests.integration.web.conftest import Server

pytestmark = pytest.mark.integration

WAIT_S = 20.0
LONG = " ".join(f"word{n}" for n in range(200))


async def test_the_models_are_listed_by_engine_and_by_name(client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["vlm", "fake-vlm"]
    wish = {"X-MaoOCR-Privacy": "any"}
    found = {model.id: model async for model in client.models.list(extra_headers=wish)}
    assert list(found) == ["vlm", "cloud", "fake-vlm", "big/cloud-vlm"]
    assert found["vlm"].to_dict()["max_model_len"] == 2048
    one = await client.models.retrieve("big/cloud-vlm", extra_headers=wish)
    assert (one.id, one.to_dict()["engine"]) == ("big/cloud-vlm", "cloud")
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("nothing")


@pytest.mark.parametrize("model", ["vlm", "fake-vlm"])
async def test_an_answer_in_one_piece(
    client: AsyncOpenAI, vlms: dict[str, VlmServer], model: str
) -> None:
    reply = await client.chat.completions.create(
        model=model, messages=ASK, max_tokens=50, temperature=0.1, user="someone", store=True
    )
    assert reply.choices[0].message.content == "Hello, world."
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage
    assert reply.usage.completion_tokens == 2
    (ask,) = vlms["near"].asks + vlms["near2"].asks
    assert ask.images == (png("page"),)
    assert ask.body == {
        "model": "fake-vlm", "messages": ASK, "max_tokens": 50, "temperature": 0.1
    }  # fmt: skip


async def heard(stream: Any) -> list[ChatCompletionChunk]:
    return [chunk async for chunk in stream]


@pytest.mark.parametrize("wants", [True, False])
async def test_an_answer_as_events(
    client: AsyncOpenAI, vlms: dict[str, VlmServer], wants: bool
) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if wants else {}
    stream = await client.chat.completions.create(
        model="vlm", messages=ASK, max_tokens=50, stream=True, **options
    )
    chunks = await heard(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "Hello, world."
    counted = [chunk.usage for chunk in chunks if chunk.usage]
    assert [use.completion_tokens for use in counted] == ([2] if wants else [])
    assert bool(chunks[-1].choices) is not wants
    (ask,) = vlms["near"].asks + vlms["near2"].asks
    assert ask.body["stream_options"]["include_usage"] is True


async def test_events_come_as_they_are_made(
    client: AsyncOpenAI, vlms: dict[str, VlmServer]
) -> None:
    for vlm in vlms.values():
        vlm.default = Say(LONG, hang="middle")
    stream = await client.chat.completions.create(model="vlm", messages=ASK, stream=True)
    text = ""
    async for chunk in stream:
        text += chunk.choices[0].delta.content or ""
        if "word99" in text:
            # The server says nothing more: what has come was not kept back.
            break
    await stream.close()
    running = vlms["near"] if vlms["near"].asks else vlms["near2"]
    await asyncio.to_thread(running.wait_for, lambda: running.aborted == 1)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_caller_who_leaves_ends_the_work(
    server: Server, keys: dict[str, str], vlms: dict[str, VlmServer], stream: bool
) -> None:
    before = await usage(server, keys, "two")
    asked = threading.Event()

    def endless(ask: Ask) -> Say:
        asked.set()
        return Say("and so on ", endless=True, piece_s=0.01)

    for vlm in vlms.values():
        vlm.default = endless
    async with client_of(server, keys["two"]) as client:
        ask = client.chat.completions.create(
            model="vlm", messages=ASK, stream=stream, max_tokens=1400
        )
        if stream:
            answer: Any = await ask
            await anext(aiter(answer))
            await answer.close()
            running = vlms["near"] if vlms["near"].asks else vlms["near2"]
        else:
            task = asyncio.create_task(ask)
            await asyncio.to_thread(asked.wait, WAIT_S)
            running = vlms["near"] if vlms["near"].asks else vlms["near2"]
            task.cancel()
    await asyncio.to_thread(running.wait_for, lambda: running.aborted == 1)
    assert running.running == 0
    async with asyncio.timeout(WAIT_S):
        while (after := await usage(server, keys, "two")) == before:
            pass
    assert after["pages"] - before.get("pages", 0) == 1
    assert after["requests"] - before.get("requests", 0) == 1


async def test_what_breaks_in_the_middle_is_told_in_the_stream(
    server: Server, keys: dict[str, str], client: AsyncOpenAI, vlms: dict[str, VlmServer]
) -> None:
    for vlm in vlms.values():
        vlm.default = Say(LONG, drop="middle")
    stream = await client.chat.completions.create(model="vlm", messages=ASK, stream=True)
    chunks: list[ChatCompletionChunk] = []
    with pytest.raises(openai.APIError, match="in the middle of its answer") as raised:
        chunks += [chunk async for chunk in stream]
    assert raised.value.body
    headers = {"Authorization": f"Bearer {keys['one']}"}
    body = {"model": "vlm", "messages": ASK, "stream": True}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        answer = await http.post(f"{server.url}/v1/chat/completions", json=body)
    assert answer.status_code == 200
    *events, last = answer.text.strip().split("\n\n")
    assert len(events) == 101
    error = json.loads(last.removeprefix("data: "))["error"]
    assert (error["code"], error["type"], error["retryable"]) == (
        "endpoint_fault", "server_error", True
    )  # fmt: skip
    assert "[DONE]" not in answer.text


@pytest.mark.parametrize("stream", [True, False])
async def test_before_the_first_byte_another_takes_over(
    client: AsyncOpenAI, vlms: dict[str, VlmServer], stream: bool
) -> None:
    vlms["near"].default = Say(status=500)
    for _ in range(2):
        reply: Any = await client.chat.completions.create(model="vlm", messages=ASK, stream=stream)
        if stream:
            chunks = await heard(reply)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        else:
            text = reply.choices[0].message.content
        assert text == "Hello, world."


async def test_what_the_server_does_not_take_is_the_callers_to_mend(
    client: AsyncOpenAI, vlms: dict[str, VlmServer]
) -> None:
    for vlm in vlms.values():
        vlm.default = Say(status=400)
    with pytest.raises(openai.UnprocessableEntityError, match="It cannot be") as raised:
        await client.chat.completions.create(model="vlm", messages=ASK)
    assert raised.value.type == "invalid_request_error"


async def test_many_streams_leave_room_for_documents(
    server: Server, keys: dict[str, str], vlms: dict[str, VlmServer]
) -> None:
    for vlm in vlms.values():
        vlm.default = Say(LONG, piece_s=0.002)
    async with client_of(server, keys["one"]) as client, asyncio.TaskGroup() as group:

        async def one() -> str:
            stream = await client.chat.completions.create(model="vlm", messages=ASK, stream=True)
            chunks = await heard(stream)
            return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

        tasks = [group.create_task(one()) for _ in range(32)]
        headers = {"Authorization": f"Bearer {keys['recognize']}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=60) as http:
            answer = await http.post(
                f"{server.url}/api/ocr/recognize?engine=vlm",
                files={"image": ("a.png", png("page"), "image/png")},
            )
        assert answer.status_code == 200
        # Most of the streams still wait for a slot, of which one is kept for documents.
        assert sum(task.done() for task in tasks) < 24
    assert {task.result() for task in tasks} == {LONG}
    assert max(vlm.most_running for vlm in vlms.values()) <= 4


async def test_the_endpoints_share_the_calls_and_are_measured(
    server: Server, client: AsyncOpenAI, vlms: dict[str, VlmServer]
) -> None:
    create = client.chat.completions.create
    await asyncio.gather(*(create(model="vlm", messages=ASK) for _ in range(20)))
    assert len(vlms["near"].asks) + len(vlms["near2"].asks) == 20
    assert min(len(vlms["near"].asks), len(vlms["near2"].asks)) >= 5
    async with httpx.AsyncClient(trust_env=False) as http:
        told = (await http.get(f"{server.url}/metrics")).text
    assert 'maoocr_v1_calls_total{engine="vlm",outcome="answered"}' in told
    assert 'maoocr_v1_waiting_calls{engine="vlm"} 0.0' in told
