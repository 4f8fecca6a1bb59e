"""Who may use /v1, how much of it, and what is not to be reached through it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.fakes.vlm_server import VlmServer
from tests.integration.v1.conftest import ASK, Messages, chats, client_of, usage
from tests.integration.web.conftest import Server

pytestmark = pytest.mark.integration

WAIT_S = 20.0


async def test_a_remote_model_needs_leave(client: AsyncOpenAI, vlms: dict[str, VlmServer]) -> None:
    create = client.chat.completions.create
    with pytest.raises(openai.PermissionDeniedError, match="X-MaoOCR-Privacy: any"):
        await create(model="cloud", messages=ASK)
    with pytest.raises(openai.PermissionDeniedError):
        await create(
            model="big/cloud-vlm", messages=ASK, extra_headers={"X-MaoOCR-Privacy": "local"}
        )
    assert vlms["cloud"].asks == []
    reply = await create(model="cloud", messages=ASK, extra_headers={"X-MaoOCR-Privacy": "any"})
    assert reply.choices[0].message.content == "Hello, world."


@pytest.mark.parametrize(("key", "kind"), [
    ("mao_nobody", openai.AuthenticationError), ("recognize", openai.PermissionDeniedError),
])  # fmt: skip
async def test_only_keys_with_the_scope(
    server: Server, keys: dict[str, str], key: str, kind: type[openai.APIStatusError]
) -> None:
    async with client_of(server, keys.get(key, key)) as client:
        with pytest.raises(kind) as raised:
            await client.chat.completions.create(model="vlm", messages=ASK)
        assert raised.value.type in {"authentication_error", "permission_error"}
        assert raised.value.code in {"unauthorized", "forbidden"}
        with pytest.raises(kind):
            await client.models.list()


async def test_two_tenants_are_counted_apart(server: Server, keys: dict[str, str]) -> None:
    before = [await usage(server, keys, name) for name in ("one", "two")]
    before_chats = await chats(server, keys, "two")
    async with client_of(server, keys["two"]) as client:
        for _ in range(3):
            await client.chat.completions.create(model="vlm", messages=ASK)
    after = [await usage(server, keys, name) for name in ("one", "two")]
    assert after[0] == before[0]
    assert after[1]["requests"] - before[1].get("requests", 0) == 3
    assert after[1]["pages"] - before[1].get("pages", 0) == 3
    near = await chats(server, keys, "two")
    assert near.keys() <= {"near", "near2"}
    assert sum(near.values()) - sum(before_chats.values()) == 6
    assert after[1]["cost"] - before[1].get("cost", 0) == pytest.approx(3 * 2 * 2 / 1000)


async def refused(ask: Callable[[], Awaitable[object]]) -> openai.RateLimitError:
    """Ask until it is too much."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await ask()
            except openai.RateLimitError as refusal:
                return refusal


async def test_rates_and_the_pages_of_the_month(server: Server, keys: dict[str, str]) -> None:
    two: Messages = [{"role": "user", "content": ASK[0]["content"] * 2}]
    async with client_of(server, keys["few"]) as client:
        await client.chat.completions.create(model="vlm", messages=two)
        refusal = await refused(lambda: client.chat.completions.create(model="vlm", messages=ASK))
    assert "pages_per_month" in refusal.message
    assert (refusal.type, refusal.code) == ("rate_limit_error", "quota_exceeded")
    async with client_of(server, keys["slow"]) as client:
        refusal = await refused(client.models.list)
    assert "rate_per_minute" in refusal.message
    assert int(refusal.response.headers["retry-after"]) >= 1


async def test_bodies_have_a_limit(client: AsyncOpenAI) -> None:
    url = f"data:image/png;base64,{'A' * 1024 * 1024}"
    big: Messages = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}
    ]
    with pytest.raises(openai.APIStatusError, match="MAX_BODY_BYTES") as raised:
        await client.chat.completions.create(model="vlm", messages=big)
    assert raised.value.status_code == 413


SECRETS = ["/sleep?level=1", "/v1/load_lora_adapter", "/tokenize", "/v1/embeddings"]
TRICKS = [
    "/v1/../sleep", "//v1/chat/completions", "/v1//chat/completions", "/v1/%2e%2e/sleep",
    "/v1/models/../../sleep", "/v1/models/%2e%2e%2f%2e%2e%2fsleep", "/v1/chat/completions/",
    "/v1/chat/completions/render", "/V1/models", "/v1/models%00", "/v1/completions", "/v1", "/v1/",
    "/v1/chat/completions%2f..%2f..%2fsleep", "/v1;/models", "http://127.0.0.1/v1/../sleep",
]  # fmt: skip


def is_name(path: str, method: str) -> bool:
    return path.startswith("/v1/models/") and method == "POST"


@pytest.mark.parametrize("path", [*SECRETS, *TRICKS])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nothing_else_is_there(
    server: Server, keys: dict[str, str], vlms: dict[str, VlmServer], path: str, method: str
) -> None:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    head = f"Host: localhost\r\nAuthorization: Bearer {keys['one']}\r\nConnection: close\r\n"
    body = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    writer.write(f"{method} {path} HTTP/1.1\r\n{head}{body}".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    start, _, said = answer.partition(b"\r\n\r\n")
    # Whatever follows /v1/models/ is looked for among the names of models.
    wanted = (b"405", "method_not_allowed") if is_name(path, method) else (b"404", "not_found")
    assert (start.split()[1], json.loads(said)["error"]["code"]) == wanted
    assert [vlm.strays for vlm in vlms.values()] == [[], [], []]
    assert not any(vlm.asks for vlm in vlms.values())


async def test_an_error_is_both_ours_and_openais(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as raised:
        await client.chat.completions.create(model="vlm", messages=ASK, max_tokens=1501)
    error: Any = raised.value.body
    assert error["code"] == raised.value.code == "invalid_request"
    assert (raised.value.type, raised.value.param) == ("invalid_request_error", "max_tokens")
    assert error["retryable"] is False
    assert error["request_id"] == raised.value.request_id
    with pytest.raises(openai.NotFoundError) as missing:
        await client.chat.completions.create(model="nothing", messages=ASK)
    assert (missing.value.type, missing.value.param) == ("not_found_error", "model")
