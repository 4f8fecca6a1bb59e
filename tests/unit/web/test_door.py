"""The door in front of a small app: keys in their places, WebSockets, rates and headers."""

from types import SimpleNamespace
from typing import Any

import pytest

from maoocr.cache.rates import MemoryRates
from maoocr.errors import QuotaExceeded, Unauthorized
from maoocr.service.callers import ANYBODY, SCOPES, Caller
from maoocr.settings import AuthSettings, Settings
from maoocr.web.auth import Door, share_of
from tests.web.doors import knock

KEY = "mao_01HZZZZZZZZZZZZZZZZZZZZZZZ_" + "x" * 43
MINE = Caller("owner-1", "mine", frozenset(SCOPES), False, None, None)


class Ring:
    """A keyring with one key, or none."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.heard: list[str | None] = []

    async def caller(self, secret: str | None) -> Caller:
        self.heard.append(secret)
        if self._caller.is_open or secret == KEY:
            return self._caller
        raise Unauthorized("No.")


class Pages:
    """A quota that is used up or not."""

    def __init__(self) -> None:
        self.is_used_up = False

    async def require_pages(self, caller: Caller) -> None:
        if self.is_used_up:
            raise QuotaExceeded("Used up.", retry_after_s=5)


class House:
    """The door, and an app behind it that notes who comes in."""

    def __init__(self, caller: Caller = MINE, **auth: Any) -> None:
        self.ring = Ring(caller)
        self.quota = Pages()
        self.inside: list[Any] = []
        access = SimpleNamespace(keyring=self.ring, quota=self.quota, rates=MemoryRates())
        settings = Settings(_env_file=None, auth=AuthSettings(**auth))
        gateway = SimpleNamespace(access=access, settings=settings)
        self._app = SimpleNamespace(state=SimpleNamespace(gateway=gateway))
        self._door = Door(self._behind)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["app"] = self._app
        await self._door(scope, receive, send)

    async def _behind(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside.append(scope)
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async def get(
        self,
        path: str = "/api/ocr/engines",
        *headers: tuple[str, str],
        method: str = "GET",
        client: str = "127.0.0.1",
    ) -> tuple[int, dict[str, str]]:
        """Status and headers of an answer."""
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            "client": (client, 1) if client else None,
            "state": {"request_id": "r1"},
        }
        heard: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            heard.append(message)

        await self(scope, receive, send)
        named = {k.decode().lower(): v.decode() for k, v in heard[0]["headers"]}
        return heard[0]["status"], named


BEARER = ("Authorization", f"Bearer {KEY}")


@pytest.mark.parametrize(
    "sent",
    [
        [BEARER],
        [("Authorization", f"bearer  {KEY}")],
        [("X-API-Key", KEY)],
        [("Authorization", "Basic abc"), ("X-API-Key", KEY)],
        [("X-API-Key", "other"), BEARER],
    ],
)
async def test_a_key_is_found_in_either_header(sent: list[tuple[str, str]]) -> None:
    house = House()
    assert (await house.get("/api/ocr/engines", *sent))[0] == 200
    assert house.inside[0]["state"]["caller"] is MINE
    assert share_of(house.inside[0]) == "owner-1"


async def test_a_refusal_names_the_scheme() -> None:
    status, headers = await House().get()
    assert status == 401
    assert headers["www-authenticate"] == 'Bearer realm="maoocr"'


async def test_a_missing_scope_is_named() -> None:
    caller = Caller("o", "n", frozenset({"jobs"}), False, None, None)
    status, headers = await House(caller).get("/api/ocr/history", BEARER)
    assert status == 403
    assert 'scope="history"' in headers["www-authenticate"]


@pytest.mark.parametrize("name", ["api_key", "apikey", "X-API-Key", "access_token", "q"])
async def test_a_key_in_the_address_is_refused(name: str) -> None:
    house = House(ANYBODY)
    status, _ = await house.get(f"/api/ocr/history?a=b&{name}={KEY}")
    assert status == 400
    assert house.inside == []


async def test_what_only_looks_a_little_like_a_key_may_be_searched_for() -> None:
    assert (await House(ANYBODY).get("/api/ocr/history?q=mao_key&keys=1"))[0] == 200


@pytest.mark.parametrize("client", ["127.0.0.1", "::1", "127.8.9.1", "::ffff:127.0.0.1", ""])
async def test_without_keys_this_machine_is_served(client: str) -> None:
    assert (await House(ANYBODY).get(client=client))[0] == 200


@pytest.mark.parametrize("client", ["192.0.2.1", "::ffff:192.0.2.1", "fe80::1%eth0", "somebody"])
async def test_without_keys_no_other_machine_is_served_unless_told_so(client: str) -> None:
    assert (await House(ANYBODY).get(client=client))[0] == 401
    assert (await House(ANYBODY, allow_open=True).get(client=client))[0] == 200
    assert (await House(MINE).get("/api/ocr/engines", BEARER, client=client))[0] == 200


async def test_without_keys_nobody_is_an_admin() -> None:
    assert (await House(ANYBODY).get("/api/keys"))[0] == 403


async def test_public_paths_ask_nobody() -> None:
    house = House()
    assert (await house.get("/livez", client="192.0.2.1"))[0] == 200
    assert house.ring.heard == []


async def test_a_rate_is_told_and_kept() -> None:
    caller = Caller("o", "n", frozenset(SCOPES), False, 2, None)
    house = House(caller)
    answers = [await house.get("/api/ocr/engines", BEARER) for _ in range(3)]
    assert [status for status, _ in answers] == [200, 200, 429]
    assert [h["ratelimit-remaining"] for _, h in answers] == ["1", "0", "0"]
    assert {h["ratelimit-limit"] for _, h in answers} == {"2"}
    assert 0 < int(answers[-1][1]["ratelimit-reset"]) <= 60
    assert 0 < int(answers[-1][1]["retry-after"]) <= 30
    assert len(house.inside) == 2


async def test_an_open_service_may_have_a_rate_for_each_address() -> None:
    house = House(ANYBODY, open_rate_per_minute=1, allow_open=True)
    asked = ["192.0.2.1", "192.0.2.1", "192.0.2.2"]
    assert [(await house.get(client=client))[0] for client in asked] == [200, 429, 200]


async def test_a_used_up_month_closes_reading_and_nothing_else() -> None:
    house = House()
    house.quota.is_used_up = True
    status, headers = await house.get("/api/ocr/recognize", BEARER, method="POST")
    assert (status, headers["retry-after"]) == (429, "5")
    assert (await house.get("/api/ocr/jobs", BEARER, method="POST"))[0] == 429
    assert (await house.get("/api/ocr/jobs", BEARER))[0] == 200
    assert (await house.get("/api/ocr/history", BEARER))[0] == 200


async def test_a_websocket_takes_the_key_from_a_header_or_an_offer() -> None:
    assert await knock(House(), "/ws/ocr", dict([BEARER])) == ("accept", None)
    house = House()
    offered = ("maoocr", f"bearer.{KEY}")
    assert await knock(house, "/ws/ocr", {}, offered) == ("accept", "maoocr")
    assert house.inside[0]["subprotocols"] == ["maoocr"]


async def test_a_websocket_without_a_key_is_refused_before_it_opens() -> None:
    house = House()
    assert await knock(house, "/ws/ocr", {}) == ("refused", 401)
    assert await knock(house, f"/ws/ocr?access_token={KEY}", {}) == ("refused", 400)
    assert await knock(house, "/ws/ocr", {}, ("maoocr", "bearer.x")) == ("refused", 401)
    assert house.inside == []


async def test_a_used_up_month_closes_a_websocket_that_reads() -> None:
    house = House()
    house.quota.is_used_up = True
    assert await knock(house, "/ws/ocr", dict([BEARER])) == ("refused", 429)


@pytest.mark.parametrize(
    ("origin", "outcome"),
    [("http://localhost:80", ("accept", None)), ("https://elsewhere.test", ("refused", 403))],
)
async def test_without_keys_a_page_of_another_site_opens_no_websocket(
    origin: str, outcome: tuple[str, Any]
) -> None:
    headers = {"Origin": origin, "Host": "localhost:80"}
    assert await knock(House(ANYBODY), "/ws/ocr", headers) == outcome


ELSEWHERE = ("Origin", "https://elsewhere.test")


async def test_without_keys_a_page_of_another_site_sends_nothing() -> None:
    house = House(ANYBODY)
    status, headers = await house.get("/api/ocr/jobs", ELSEWHERE, method="POST")
    assert (status, headers["content-type"]) == (403, "application/json")
    # No key would help.
    assert "www-authenticate" not in headers
    assert (await house.get("/api/ocr/history", ELSEWHERE, method="DELETE"))[0] == 403
    assert house.inside == []
    assert (await house.get("/api/ocr/engines", ELSEWHERE))[0] == 200
    assert (await House().get("/api/ocr/jobs", ELSEWHERE, BEARER, method="POST"))[0] == 200


async def test_without_keys_a_stranger_s_name_for_this_machine_opens_nothing() -> None:
    rebound = ("Host", "rebound.test")
    assert (await House(ANYBODY).get("/api/ocr/history", rebound))[0] == 403
    assert await knock(House(ANYBODY), "/ws/ocr", dict([rebound])) == ("refused", 403)
    assert (await House(ANYBODY).get("/livez", rebound))[0] == 200
    assert (await House(ANYBODY, allow_open=True).get("/api/ocr/history", rebound))[0] == 200
    assert (await House().get("/api/ocr/history", rebound, BEARER))[0] == 200
