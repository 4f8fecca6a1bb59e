"""Whose word for the caller's address is taken."""

import socket
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest

from maoocr.settings import ServerSettings, Settings
from maoocr.web import proxies
from maoocr.web.proxies import Address, Trust, TrustedProxies, address_of

HERE, PROXY, CALLER = "127.0.0.1", "10.0.0.5", "203.0.113.9"


class Names:
    """What names mean, and how often somebody asked."""

    def __init__(self, **meanings: str) -> None:
        self.meanings = meanings
        self.asked = 0
        self.is_away = False

    async def __call__(self, name: str) -> set[Address]:
        self.asked += 1
        if self.is_away:
            raise socket.gaierror(socket.EAI_AGAIN, "No answer.")
        return {ip_address(self.meanings[name])} if name in self.meanings else set()


class Clock:
    """Time that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(proxies, "time", made)
    return made


async def seen(
    peer: str | None, *forwarded: str, trusted: str = HERE, proto: str = "", kind: str = "http"
) -> tuple[str | None, str]:
    """The caller and the scheme that the app is told."""
    told: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told.append(scope)

    settings = Settings(_env_file=None, server=ServerSettings(trusted_proxies=trusted))
    gateway = SimpleNamespace(settings=settings)
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    if proto:
        headers.append((b"x-forwarded-proto", proto.encode()))
    scope = {
        "type": kind,
        "scheme": "ws" if kind == "websocket" else "http",
        "client": None if peer is None else (peer, 4000),
        "headers": headers,
        "app": SimpleNamespace(state=SimpleNamespace(gateway=gateway)),
    }
    await TrustedProxies(app)(scope, None, None)  # type: ignore[arg-type]
    client = told[0]["client"]
    return client and client[0], told[0]["scheme"]


@pytest.mark.parametrize(
    ("peer", "trusted", "forwarded", "caller"),
    [
        (HERE, HERE, [CALLER], CALLER),
        (PROXY, "10.0.0.0/8", [CALLER], CALLER),
        (PROXY, HERE, [CALLER], PROXY),
        (HERE, "", [CALLER], HERE),
        (HERE, HERE, [], HERE),
        (HERE, HERE, ["198.51.100.1, 203.0.113.9"], CALLER),
        (HERE, HERE, ["198.51.100.1", CALLER], CALLER),
        (HERE, f"{HERE},{PROXY}", [f"{CALLER}, {PROXY}"], CALLER),
        (PROXY, "10.0.0.0/8", ["10.0.0.77"], "10.0.0.77"),
        (HERE, HERE, [f"{CALLER}:5123"], CALLER),
        (HERE, HERE, ["[2001:db8::1]:443"], "2001:db8::1"),
        (HERE, HERE, ["::ffff:203.0.113.9"], CALLER),
        (HERE, HERE, ["unknown"], HERE),
        (HERE, HERE, [f"{CALLER}, unknown"], HERE),
        (HERE, HERE, ["'; drop table"], HERE),
        ("::ffff:127.0.0.1", HERE, [CALLER], CALLER),
        (None, HERE, [CALLER], None),
    ],
)
async def test_the_caller_is_whom_a_trusted_proxy_names(
    peer: str | None, trusted: str, forwarded: list[str], caller: str | None
) -> None:
    assert (await seen(peer, *forwarded, trusted=trusted))[0] == caller


@pytest.mark.parametrize(
    ("peer", "kind", "proto", "scheme"),
    [
        (HERE, "http", "https", "https"),
        (HERE, "websocket", "https", "wss"),
        (HERE, "http", "gopher", "http"),
        (PROXY, "http", "https", "http"),
    ],
)
async def test_the_scheme_is_what_a_trusted_proxy_says(
    peer: str, kind: str, proto: str, scheme: str
) -> None:
    assert (await seen(peer, proto=proto, kind=kind))[1] == scheme


async def test_a_name_is_looked_up_when_its_address_has_changed(clock: Clock) -> None:
    names = Names(nginx=PROXY)
    trust = Trust("nginx", names)
    assert await trust.includes(ip_address(PROXY))
    assert not await trust.includes(ip_address("10.0.0.6"))
    assert names.asked == 1

    names.meanings["nginx"] = "10.0.0.6"
    clock.now += proxies.AGAIN_S
    assert await trust.includes(ip_address("10.0.0.6"))
    assert not await trust.includes(ip_address(PROXY))
    assert names.asked == 2


async def test_a_proxy_that_is_known_is_looked_up_again_from_time_to_time(clock: Clock) -> None:
    names = Names(nginx=PROXY)
    trust = Trust("nginx", names)
    assert await trust.includes(ip_address(PROXY))
    clock.now += proxies.FRESH_S - 0.1
    assert await trust.includes(ip_address(PROXY))
    assert names.asked == 1
    del names.meanings["nginx"]
    clock.now += 0.1
    assert not await trust.includes(ip_address(PROXY))


async def test_a_name_means_what_it_did_while_nobody_can_say(clock: Clock) -> None:
    names = Names(nginx=PROXY)
    trust = Trust("nginx", names)
    assert await trust.includes(ip_address(PROXY))
    names.is_away = True
    clock.now += proxies.FRESH_S
    assert await trust.includes(ip_address(PROXY))


async def test_addresses_alone_ask_nobody() -> None:
    names = Names()
    assert not await Trust("10.0.0.0/8, ::1", names).includes(ip_address(CALLER))
    assert names.asked == 0


async def test_no_address_is_nobodys() -> None:
    assert not await Trust("0.0.0.0/0").includes(address_of("testclient"))
