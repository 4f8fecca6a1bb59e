"""How the clients send an API key."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from maoocr.client import AsyncClient, Client
from maoocr.errors import InvalidRequest, Unauthorized


def heard(**given: Any) -> httpx.Headers:
    """The headers of a call."""
    seen: list[httpx.Headers] = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, json={})

    with Client("http://host.test", transport=httpx.MockTransport(keep), **given) as client:
        client.engines()
    return seen[0]


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAOOCR_API_KEY", raising=False)


def test_a_key_is_sent_as_a_bearer() -> None:
    assert heard(api_key="mao_1")["authorization"] == "Bearer mao_1"
    assert "authorization" not in heard()
    assert "authorization" not in heard(api_key="")


def test_the_environment_names_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAOOCR_API_KEY", " mao_2\n")
    assert heard()["authorization"] == "Bearer mao_2"
    assert heard(api_key="mao_1")["authorization"] == "Bearer mao_1"
    assert "authorization" not in heard(api_key="")


@pytest.mark.parametrize("headers", [{"Authorization": "Basic x"}, {"x-api-key": "mine"}])
def test_headers_of_the_caller_stand(headers: Mapping[str, str]) -> None:
    got = heard(api_key="mao_1", headers=headers)
    assert got.get("authorization") in {None, "Basic x"}


@pytest.mark.parametrize("key", ["schlüssel", "a\r\nHost: b", "a\x00"])
def test_a_key_that_is_none_is_not_sent(key: str) -> None:
    with pytest.raises(InvalidRequest):
        Client("http://host.test", api_key=key)
    with pytest.raises(InvalidRequest):
        AsyncClient("http://host.test", api_key=key)


async def test_a_refusal_is_the_error_of_the_tree() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        error = {"code": "unauthorized", "message": "No.", "retryable": False, "request_id": "r"}
        return httpx.Response(401, json={"error": error})

    transport = httpx.MockTransport(refuse)
    async with AsyncClient("http://host.test", transport=transport, api_key="k") as client:
        with pytest.raises(Unauthorized, match="No"):
            await client.engines()
