"""The wire to one endpoint, against a server on the loopback that does everything wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from maoocr.vllm.chat import ChatRequest, ImagePart, TextPart
from maoocr.vllm.client import EndpointClient
from maoocr.vllm.endpoints import Endpoint
from maoocr.vllm.exchange import Progress
from maoocr.vllm.failure import CallFailed
from tests.fakes.vlm_server import Say, VlmServer, picture_key

pytestmark = pytest.mark.integration

PAGE = ImagePart(b"\xff\xd8 a page", "image/jpeg")
ASK = ChatRequest((PAGE, TextPart("OCR:")), max_tokens=500)
LONG = " ".join(f"word{n}" for n in range(200))


@pytest.fixture
def server() -> Iterator[VlmServer]:
    with VlmServer() as server:
        yield server


@pytest.fixture
def endpoint(server: VlmServer) -> Endpoint:
    return Endpoint("one", "vlm", "generic", f"{server.url}/v1", server.model)


@pytest.fixture
async def client(endpoint: Endpoint) -> AsyncIterator[EndpointClient]:
    client = EndpointClient(endpoint)
    yield client
    await client.close()


async def failure(client: EndpointClient, request: ChatRequest = ASK) -> CallFailed:
    with pytest.raises(CallFailed) as raised:
        await client.call(request, Progress())
    assert client.endpoint.name in raised.value.message
    return raised.value


async def test_the_text_comes_whole_and_in_pieces(
    server: VlmServer, client: EndpointClient
) -> None:
    text = "Zeile\u2028eins\x85 und\r\nzwei — 三\x0b"
    server.default = Say(text)
    progress, pieces = Progress(), list[str]()
    answer = await client.call(ASK, progress, on_text=pieces.append)
    assert (answer.text, answer.finish_reason) == (text, "stop")
    assert "".join(pieces) == text
    assert len(pieces) > 1
    assert progress.prompt_tokens == 267
    assert progress.completion_tokens == len(pieces)
    assert progress.calls == 1
    assert progress.has_text


async def test_the_request_is_what_was_asked(server: VlmServer, client: EndpointClient) -> None:
    asked = ChatRequest(
        (TextPart("first"), PAGE),
        system="You read.",
        max_tokens=7,
        temperature=0.3,
        top_p=0.9,
        extra={"top_k": 5, "vllm_xargs": {"ngram_size": 30}},
    )
    await client.call(asked, Progress())
    body = server.asks[0].body
    system, user = body["messages"]
    assert system == {"role": "system", "content": "You read."}
    assert [part["type"] for part in user["content"]] == ["text", "image_url"]
    assert server.asks[0].images == (PAGE.data,)
    assert (body["max_tokens"], body["temperature"], body["top_p"]) == (7, 0.3, 0.9)
    assert (body["top_k"], body["vllm_xargs"]) == (5, {"ngram_size": 30})
    assert body["stream_options"]["include_usage"] is True


async def test_answers_are_found_by_picture(server: VlmServer, client: EndpointClient) -> None:
    server.answers[picture_key(PAGE.data)] = Say("the page")
    assert (await client.call(ASK, Progress())).text == "the page"


@pytest.mark.parametrize(
    ("said", "told"),
    [("length", "length"), ("repetition", "repetition"), ("content_filter", "filtered")],
)
async def test_an_end_that_is_none_is_told(
    server: VlmServer, client: EndpointClient, said: str, told: str
) -> None:
    server.default = Say(LONG, finish=said)
    assert (await client.call(ASK, Progress())).finish_reason == told


async def test_too_few_tokens_are_a_length(server: VlmServer, client: EndpointClient) -> None:
    server.default = Say(LONG)
    answer = await client.call(replace(ASK, max_tokens=10), Progress())
    assert (answer.finish_reason, len(answer.text.split())) == ("length", 10)


async def test_a_circle_is_cut_and_the_server_learns_of_it(
    server: VlmServer, client: EndpointClient
) -> None:
    server.default = Say("The same sentence, again and again. ", endless=True)
    progress = Progress()
    answer = await client.call(replace(ASK, max_tokens=100_000), progress)
    assert answer.finish_reason == "loop"
    assert answer.text.strip() == "The same sentence, again and again."
    assert 0 < progress.completion_tokens < 1000
    await asyncio.to_thread(server.wait_for, lambda: server.aborted == 1)
    assert server.running == 0


async def test_cancelling_ends_the_work_at_the_server(
    server: VlmServer, client: EndpointClient
) -> None:
    server.default = Say(LONG, piece_s=0.01)
    heard = asyncio.Event()
    task = asyncio.create_task(client.call(ASK, Progress(), on_text=lambda _: heard.set()))
    await heard.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(server.wait_for, lambda: server.aborted == 1)
    assert server.running == 0


async def test_what_the_listener_raises_reaches_the_caller(
    server: VlmServer, client: EndpointClient
) -> None:
    def listen(piece: str) -> None:
        raise KeyError(piece)

    with pytest.raises(KeyError):
        await client.call(ASK, Progress(), on_text=listen)


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (400, {"error": {"message": "too long", "type": "BadRequestError"}}, "request"),
        (422, {"detail": "nonsense"}, "request"),
        (401, {"error": "Unauthorized"}, "key"),
        (404, {"error": {"message": "no such model"}}, "model"),
        (429, {"error": {"message": "slow down"}}, "limited"),
        (500, {"error": {"message": "EngineCore encountered an issue"}}, "server"),
        (503, {"error": {"message": "queue full"}}, "full"),
        (502, "<html>", "server"),
        (500, ["odd"], "server"),
    ],
)
async def test_an_error_is_understood(
    server: VlmServer, client: EndpointClient, status: int, error: object, reason: str
) -> None:
    server.default = Say(status=status, error=error, headers={"Retry-After": "7"})
    failed = await failure(client)
    assert failed.reason == reason
    assert failed.retry_after_s == 7


async def test_neither_key_nor_document_stand_in_a_message(
    server: VlmServer, endpoint: Endpoint
) -> None:
    client = EndpointClient(replace(endpoint, api_key="sk-very-secret"))
    said = "bad image data:image/png;base64,AAAABBBB for sk-very-secret " + "x" * 1000
    server.default = Say(status=400, error={"error": {"message": said}})
    message = (await failure(client)).message
    await client.close()
    assert "bad image" in message
    assert not any(secret in message for secret in ("AAAABBBB", "sk-very-secret", "x" * 300))
    assert "sk-very-secret" not in repr(client.endpoint)


async def test_a_key_is_shown_to_the_server(server: VlmServer, endpoint: Endpoint) -> None:
    server.api_key = "sk-1"
    for key, is_let_in in (("sk-1", True), ("", False)):
        client = EndpointClient(replace(endpoint, api_key=key))
        if is_let_in:
            assert (await client.call(ASK, Progress())).text == "Hello, world."
        else:
            assert (await failure(client)).reason == "key"
        await client.close()


async def test_another_model_is_named(server: VlmServer, endpoint: Endpoint) -> None:
    client = EndpointClient(replace(endpoint, model="other"))
    failed = await failure(client)
    await client.close()
    assert failed.reason == "model"
    assert "'other'" in failed.message


@pytest.mark.parametrize("drop", ["before", "middle", "unfinished", "undone"])
async def test_an_answer_that_breaks_off_is_none(
    server: VlmServer, client: EndpointClient, drop: str
) -> None:
    server.default = Say(LONG, drop=drop)  # type: ignore[arg-type]
    failed = await failure(client)
    assert failed.reason == ("server" if drop == "before" else "broken")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"data: [DONE]\n\n",
        b"data: {not json}\n\ndata: [DONE]\n\n",
        b'data: {"choices": 7}\n\ndata: [DONE]\n\n',
        b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
        b'data: {"choices":[{"delta":{},"finish_reason":"abort"}]}\n\ndata: [DONE]\n\n',
        b'data: {"error":{"message":"EngineCore died","code":500}}\n\ndata: [DONE]\n\n',
        b'data: {"error":"died"}\n\ndata: [DONE]\n\n',
        b"data: " + b"x" * 1_100_000,
    ],
)
async def test_nonsense_is_a_fault(server: VlmServer, client: EndpointClient, raw: bytes) -> None:
    server.default = Say(raw=raw)
    assert (await failure(client)).reason in {"broken", "server"}


async def test_other_lines_of_a_stream_are_left_out(
    server: VlmServer, client: EndpointClient
) -> None:
    server.default = Say(
        raw=b': working\r\n\r\nevent: x\ndata:{"choices":[{"delta":{"content":"hi"}}]}\r\n\r\n'
        b'data: {"choices":[{"delta":{"content":null},"finish_reason":"stop"}],"usage":null}\n\n'
        b"data: [DONE]\n\n"
    )
    assert (await client.call(ASK, Progress())).text == "hi"


async def test_silence_before_and_within_an_answer_ends(
    server: VlmServer, endpoint: Endpoint
) -> None:
    quick = replace(endpoint, first_token_s=0.2, idle_s=0.3)
    client = EndpointClient(quick)
    server.default = Say(LONG, hang="before")
    failed = await failure(client)
    assert (failed.reason, failed.counts) == ("timeout", True)
    assert "first_token_s" in failed.message
    server.default = Say(LONG, hang="middle")
    assert "idle_s" in (await failure(client)).message
    await client.close()
    await asyncio.to_thread(server.wait_for, lambda: server.aborted == 2)


async def test_a_slow_answer_ends_with_its_time(server: VlmServer, endpoint: Endpoint) -> None:
    client = EndpointClient(replace(endpoint, total_s=0.3))
    server.default = Say(LONG, piece_s=0.01)
    assert "total_s" in (await failure(client)).message
    await client.close()


async def test_a_deadline_is_not_the_endpoints_fault(
    server: VlmServer, client: EndpointClient
) -> None:
    server.default = Say(LONG, piece_s=0.01)
    deadline = asyncio.get_running_loop().time() + 0.2
    with pytest.raises(CallFailed) as raised:
        await client.call(ASK, Progress(), deadline=deadline)
    assert (raised.value.reason, raised.value.counts) == ("deadline", False)


async def test_nobody_there(server: VlmServer, client: EndpointClient) -> None:
    server.stop()
    failed = await failure(client)
    assert (failed.reason, failed.counts) == ("connect", True)


async def test_a_server_that_came_back_is_not_noticed(
    server: VlmServer, client: EndpointClient
) -> None:
    """Connections that lie in the pool are dead by then."""
    await asyncio.gather(*(client.call(ASK, Progress()) for _ in range(8)))
    server.stop()
    server.start()
    answers = await asyncio.gather(*(client.call(ASK, Progress()) for _ in range(8)))
    assert {answer.text for answer in answers} == {"Hello, world."}


async def test_a_connection_is_used_again(server: VlmServer, client: EndpointClient) -> None:
    ports = set()
    server.default = lambda ask: Say(ask.headers.get("connection", ""))
    for _ in range(3):
        ports.add((await client.call(ASK, Progress())).text)
    status, _ = await client.fetch(f"{server.url}/health", 1.0)
    assert status == 200
