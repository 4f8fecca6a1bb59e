"""The history through the clients, against a server that lives in a function."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import httpx
import pytest

from maoocr.client import AsyncClient, Client
from maoocr.client.history import AsyncHistory, History
from maoocr.client.jobs import AsyncJobs, Jobs
from maoocr.errors import Forbidden, InvalidRequest, NotFound

ITEMS = [{"id": f"{number:026}", "text": f"text {number}"} for number in range(5)]


def serve(request: httpx.Request) -> httpx.Response:
    """A history that is told two at a time."""
    query = request.url.params
    if request.method == "DELETE":
        if request.url.path.endswith("/history"):
            return httpx.Response(200, json={"deleted": 5})
        return httpx.Response(204)
    if request.url.path == "/api/ocr/history":
        start = int(query.get("cursor", "0"))
        following = str(start + 2) if start + 2 < len(ITEMS) else None
        page = {"items": ITEMS[start : start + 2], "next_cursor": following}
        return httpx.Response(200, json=page)
    error = {"code": "not_found", "message": "None.", "retryable": False}
    return httpx.Response(404, json={"error": error})


def asked(call: Callable[[Client], object]) -> httpx.Request:
    """The first request that a call makes."""
    seen: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        return serve(request)

    with Client("http://host.test", transport=httpx.MockTransport(keep)) as client:
        call(client)
    return seen[0]


def test_a_search_goes_on_where_the_page_before_ended() -> None:
    with Client("http://host.test", transport=httpx.MockTransport(serve)) as client:
        assert list(client.history.search("text")) == ITEMS
        page = client.history.list(limit=2)
        assert (page["items"], page["next_cursor"]) == (ITEMS[:2], "2")
        with pytest.raises(NotFound):
            client.history.get("0" * 26)
        with pytest.raises(NotFound):
            client.history.export("0" * 26, "text")
        client.history.delete("0" * 26)
        assert client.history.delete_all() == 5


async def test_an_async_client_does_the_same() -> None:
    async with AsyncClient("http://host.test", transport=httpx.MockTransport(serve)) as client:
        assert [item async for item in client.history.search()] == ITEMS
        assert (await client.history.list(cursor="4"))["next_cursor"] is None
        with pytest.raises(NotFound):
            await client.history.get("0" * 26)
        with pytest.raises(NotFound):
            await client.history.export("0" * 26)
        await client.history.delete("0" * 26)
        assert await client.history.delete_all() == 5


def test_filters_are_sent_by_the_names_of_the_server() -> None:
    request = asked(
        lambda client: client.history.list(
            "账 bill",
            since=date(2026, 1, 31),
            until=datetime(2026, 2, 1, 12, tzinfo=UTC),
            engine="ppocr",
            min_confidence=0.5,
        )
    )
    assert dict(request.url.params) == {
        "q": "账 bill",
        "limit": "20",
        "from": "2026-01-31",
        "to": "2026-02-01T12:00:00+00:00",
        "engine": "ppocr",
        "min_confidence": "0.5",
    }


def test_an_id_leads_nowhere_else() -> None:
    request = asked(lambda client: client.history.delete("../../keys/1?x"))
    assert request.url.raw_path == b"/api/ocr/history/..%2F..%2Fkeys%2F1%3Fx"
    with pytest.raises(InvalidRequest):
        asked(lambda client: client.history.delete(""))


def test_a_url_is_sent_instead_of_a_document() -> None:
    seen: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        error = {"code": "forbidden", "message": "Off.", "retryable": False}
        return httpx.Response(403, json={"error": error})

    with Client("http://host.test", transport=httpx.MockTransport(refuse)) as client:
        for needs in (None, {"accuracy_requirement": "high"}):
            with pytest.raises(Forbidden):
                client.recognize_url("https://a.test/b.png", requirements=needs, words=True)
    plain, required = seen
    assert plain.headers["content-type"].startswith("multipart/form-data")
    assert b'name="image_url"\r\n\r\nhttps://a.test/b.png\r\n' in plain.content
    assert b'name="words"\r\n\r\ntrue\r\n' in plain.content
    assert b"filename" not in plain.content
    assert required.url.path == "/api/ocr/recognize-with-requirements"
    assert json.dumps({"accuracy_requirement": "high"}).encode() in required.content


def test_both_clients_can_do_the_same() -> None:
    def offered(kind: type) -> set[str]:
        return {name.removeprefix("a") if name == "aclose" else name for name in public(kind)}

    def public(kind: type) -> list[str]:
        return [name for name in vars(kind) if not name.startswith("_")]

    for plain, awaited in ((Client, AsyncClient), (Jobs, AsyncJobs), (History, AsyncHistory)):
        assert offered(plain) == offered(awaited)
