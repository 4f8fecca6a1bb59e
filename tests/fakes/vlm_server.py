"""A server on the loopback that speaks vLLM's dialect and says what it is told to."""

import asyncio
import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

__all__ = ["Ask", "Say", "VlmServer", "picture_key"]

WAIT_S = 20.0

Drop = Literal["before", "middle", "unfinished", "undone"]
"""Where the connection is cut: before the answer's head, in the middle of the text, or in good
order but without `finish_reason`, or without `[DONE]`."""


@dataclass(frozen=True)
class Ask:
    """One call as it came.

    Attributes:
        prompt: the text parts of all messages, joined.
        images: the decoded pictures.
    """

    prompt: str
    images: tuple[bytes, ...]
    body: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Say:
    """One answer.

    Attributes:
        status: other than 200, `error` is the body.
        piece_s: seconds between two pieces of text.
        endless: say the text again and again, up to the tokens that were asked for.
        hang: never say anything (`before`), or nothing more after half of the text (`middle`).
        raw: the stream's bytes, instead of all that.
    """

    text: str = ""
    finish: str = "stop"
    status: int = 200
    error: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    piece_s: float = 0.0
    endless: bool = False
    hang: Literal["before", "middle"] | None = None
    drop: Drop | None = None
    raw: bytes | None = None


def picture_key(data: bytes) -> str:
    """The name of a picture among the answers."""
    return hashlib.sha256(data).hexdigest()


class _Dropped(Exception):
    """The connection is cut: the server does that when an answer raises."""


class VlmServer:
    """Runs in a thread of its own; `start` and `stop` may be called again and again.

    Attributes:
        host: the address of this machine that it listens on.
        answers: by `picture_key` of a picture, or by prompt; else `default`. A function is asked.
        asks: every call that came.
        aborted: calls that the caller closed before their end.
        strays: requests for other routes than those that are needed.
        can_sleep: it is in development mode; `not really`: it says so and stays awake.
        naps: when it was put to sleep and woken.
        wake_gate: waking waits for it.
        finished: calls of others, as `/metrics` counts them.
        api_key: when set, calls need it.
        healthy: whether `/health` answers at all, well, or not.
    """

    def __init__(
        self, model: str = "fake-vlm", *, default: Say | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.model = model
        self.host = host
        self.answers: dict[str, Say | Callable[[Ask], Say]] = {}
        self.default: Say | Callable[[Ask], Say] = default or Say("Hello, world.")
        self.asks: list[Ask] = []
        self.strays: list[str] = []
        self.aborted = 0
        self.running = 0
        self.most_running = 0
        self.api_key = ""
        self.healthy: Literal["yes", "no", "mute"] = "yes"
        self.asleep = False
        self.can_sleep: Literal["yes", "not really"] | None = None
        self.naps: list[str] = []
        self.wake_gate: threading.Event | None = None
        self.finished = 0
        self.waiting = 0
        self._changed = threading.Condition()
        with socket.create_server((self.host, 0)) as listener:
            self.port = int(listener.getsockname()[1])
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Its address, as an operator writes it."""
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> "VlmServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; what comes from now on is answered."""
        listener = socket.create_server((self.host, self.port), backlog=512)
        config = uvicorn.Config(
            self._app(), log_config=None, lifespan="off", timeout_keep_alive=5, ws="none"
        )
        self._server = uvicorn.Server(config)
        runs = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, runs), daemon=True)
        self._thread.start()
        assert runs.wait(WAIT_S)

    def stop(self) -> None:
        """Cut every connection and listen no more."""
        if self._thread is None or self._loop is None:
            return
        self._loop.call_soon_threadsafe(self._cut)
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        self._thread = None

    def _run(self, listener: socket.socket, runs: threading.Event) -> None:
        async def serve() -> None:
            assert self._server is not None
            self._loop = asyncio.get_running_loop()
            runs.set()
            await self._server.serve(sockets=[listener])

        asyncio.run(serve())

    def _cut(self) -> None:
        assert self._server is not None
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        self._server.should_exit = True

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Return when it is so; of what calls change."""
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S)

    def _note(self, **changes: int) -> None:
        with self._changed:
            for name, by in changes.items():
                setattr(self, name, getattr(self, name) + by)
            self.most_running = max(self.most_running, self.running)
            self._changed.notify_all()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/health", self._health),
                Route("/metrics", self._metrics),
                Route("/v1/models", self._models),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/sleep", self._sleep, methods=["POST"]),
                Route("/wake_up", self._wake_up, methods=["POST"]),
                Route("/is_sleeping", self._is_sleeping),
                Route("/{path:path}", self._stray, methods=["GET", "POST", "DELETE"]),
            ]
        )

    async def _health(self, request: Request) -> Response:
        if self.healthy == "mute":
            await _until_left(request)
        return Response(status_code=200 if self.healthy == "yes" else 503)

    async def _metrics(self, request: Request) -> Response:
        labels = f'engine="0",model_name="{self.model}"'
        awake, away = (0, 1) if self.asleep else (1, 0)
        return PlainTextResponse(
            "# HELP vllm:num_requests_running Number of requests in model execution batches.\n"
            f"vllm:num_requests_running{{{labels}}} {float(self.running)}\n"
            f"vllm:num_requests_waiting{{{labels}}} {float(self.waiting)}\n"
            f'vllm:engine_sleep_state{{{labels},sleep_state="awake"}} {awake}.0\n'
            f'vllm:engine_sleep_state{{{labels},sleep_state="weights_offloaded"}} {away}.0\n'
            f"vllm:kv_cache_usage_perc{{{labels}}} 0.25\n"
            f'vllm:request_success_total{{{labels},finished_reason="stop"}} {self.finished}.0\n'
        )

    async def _models(self, request: Request) -> Response:
        if not self._lets_in(request):
            return JSONResponse({"error": "Unauthorized"}, 401)
        model = {"id": self.model, "object": "model", "max_model_len": 2048}
        return JSONResponse({"object": "list", "data": [model]})

    def _lets_in(self, request: Request) -> bool:
        wanted = f"Bearer {self.api_key}"
        return not self.api_key or request.headers.get("authorization") == wanted

    async def _chat(self, request: Request) -> Response:
        if not self._lets_in(request):
            return JSONResponse({"error": "Unauthorized"}, 401)
        ask = _ask_of(await request.json(), dict(request.headers))
        self.asks.append(ask)
        if ask.body.get("model") != self.model:
            message = f"The model `{ask.body.get('model')}` does not exist."
            return _problem(404, message, "NotFoundError")
        say = self._answer_to(ask)
        if say.drop == "before":
            raise _Dropped
        if say.hang == "before":
            self._note(running=1)
            await _until_left(request)
            self._note(running=-1, aborted=1)
            return Response()
        if say.status != 200:
            if say.error is None:
                return _problem(say.status, "It cannot be.", "Error", say.headers)
            return JSONResponse(say.error, say.status, dict(say.headers))
        if not ask.body.get("stream"):
            return await self._whole(say, ask, request)
        return StreamingResponse(self._told(say, ask), media_type="text/event-stream")

    async def _whole(self, say: Say, ask: Ask, request: Request) -> Response:
        """The answer in one piece; vLLM ends its work when the caller leaves."""
        self._note(running=1)
        made = asyncio.ensure_future(_collected(say, ask))
        left = asyncio.ensure_future(_until_left(request))
        await asyncio.wait({made, left}, return_when=asyncio.FIRST_COMPLETED)
        is_whole = made.done()
        for task in (made, left):
            task.cancel()
        self._note(running=-1, aborted=0 if is_whole else 1)
        return JSONResponse(made.result()) if is_whole else Response()

    async def _sleep(self, request: Request) -> Response:
        if self.can_sleep is None:
            return await self._stray(request)
        await asyncio.to_thread(self.wait_for, lambda: self.running == 0)
        self.naps.append(f"sleep {request.query_params.get('level')}")
        self.asleep = self.can_sleep == "yes"
        return Response()

    async def _wake_up(self, request: Request) -> Response:
        if self.can_sleep is None:
            return await self._stray(request)
        self.naps.append("wake")
        if self.wake_gate is not None:
            await asyncio.to_thread(self.wake_gate.wait, WAIT_S)
        self.asleep = False
        return Response()

    async def _is_sleeping(self, request: Request) -> Response:
        if self.can_sleep is None:
            return await self._stray(request)
        return JSONResponse({"is_sleeping": self.asleep})

    async def _stray(self, request: Request) -> Response:
        """A route that is none of a caller's business: vLLM has some that load, sleep and tell."""
        self.strays.append(f"{request.method} {request.url.path}")
        return JSONResponse({})

    def _answer_to(self, ask: Ask) -> Say:
        keys = [*map(picture_key, ask.images), ask.prompt]
        said = next((self.answers[key] for key in keys if key in self.answers), self.default)
        return said if isinstance(said, Say) else said(ask)

    async def _told(self, say: Say, ask: Ask) -> AsyncIterator[bytes]:
        self._note(running=1)
        is_whole = False
        try:
            async for event in _events(say, ask):
                yield event
            is_whole = True
        except _Dropped:
            is_whole = True
            raise
        finally:
            self._note(running=-1, aborted=0 if is_whole else 1)


async def _events(say: Say, ask: Ask) -> AsyncIterator[bytes]:
    if say.raw is not None:
        yield say.raw
        return
    pieces = re.findall(r"\S+\s*|\s+", say.text)
    most = int(ask.body.get("max_tokens") or 10**6)
    if say.endless:
        pieces = [pieces[n % len(pieces)] for n in range(most)]
    finish = "length" if len(pieces) >= most and say.finish == "stop" else say.finish
    pieces = pieces[:most]
    prompt_tokens = 10 + len(ask.prompt.split()) + 256 * len(ask.images)
    yield _event({"role": "assistant", "content": ""}, None, prompt_tokens, 0)
    for number, piece in enumerate(pieces, 1):
        if number > len(pieces) // 2 and say.hang == "middle":
            await asyncio.Event().wait()
        if number > len(pieces) // 2 and say.drop == "middle":
            raise _Dropped
        yield _event({"content": piece}, None, prompt_tokens, number)
        await asyncio.sleep(say.piece_s)
    if say.drop == "unfinished":
        return
    yield _event({"content": ""}, finish, prompt_tokens, len(pieces))
    if say.drop == "undone":
        return
    yield _line({"choices": [], "usage": _usage(prompt_tokens, len(pieces))})
    yield b"data: [DONE]\n\n"


async def _collected(say: Say, ask: Ask) -> dict[str, Any]:
    """What the events of a stream say, in one piece."""
    said: list[dict[str, Any]] = []
    async for event in _events(say, ask):
        if event.startswith(b"data: {"):
            said.append(json.loads(event[5:]))
    choices = [event["choices"][0] for event in said if event["choices"]]
    text = "".join(choice["delta"]["content"] for choice in choices)
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": choices[-1]["finish_reason"],
    }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": ask.body["model"],
        "choices": [choice],
        "usage": said[-1]["usage"],
    }


def _event(delta: object, finish: str | None, prompt_tokens: int, tokens: int) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    usage = _usage(prompt_tokens, tokens)
    return _line({"id": "chatcmpl-1", "choices": [choice], "usage": usage})


def _usage(prompt_tokens: int, tokens: int) -> dict[str, int]:
    total = prompt_tokens + tokens
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": tokens,
        "total_tokens": total,
    }


def _line(content: object) -> bytes:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


def _problem(
    status: int, message: str, kind: str, headers: Mapping[str, str] | None = None
) -> Response:
    error = {"message": message, "type": kind, "param": None, "code": status}
    return JSONResponse({"error": error}, status, dict(headers or {}))


def _ask_of(body: Mapping[str, Any], headers: Mapping[str, str]) -> Ask:
    words: list[str] = []
    images: list[bytes] = []
    for message in body["messages"]:
        content = message["content"]
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        for part in content:
            if part["type"] == "text":
                words.append(part["text"])
            else:
                _, _, data = part["image_url"]["url"].partition(";base64,")
                images.append(base64.b64decode(data, validate=True))
    return Ask("".join(words), tuple(images), body, headers)


async def _until_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
