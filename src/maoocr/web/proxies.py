"""Who a request is from when a proxy brings it: believed of those that are named, of no other.

`X-Forwarded-For` can be written by anybody. From a trusted proxy the last address in it counts that
is no trusted proxy itself, as each adds the one it saw to the right.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from starlette.types import ASGIApp, Receive, Scope, Send

from .gateway import Gateway

__all__ = ["Trust", "TrustedProxies", "address_of"]

FRESH_S = 5.0
"""For so long what a name means is not looked up again for a proxy that has it."""
AGAIN_S = 1.0
"""After which it is for somebody who has not: the proxy may have got another address."""
LOOKUP_S = 1.0
LONGEST = 128
"""Characters of an address, with a zone, a port and blanks around it."""

_SCHEMES = {b"http": ("http", "ws"), b"https": ("https", "wss")}

Address = IPv4Address | IPv6Address
LookUp = Callable[[str], Awaitable[set[Address]]]


class TrustedProxies:
    """Middleware: sets the caller's address and scheme in the scope of what a proxy brings."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._trust: Trust | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and scope.get("client"):
            if self._trust is None:
                gateway: Gateway = scope["app"].state.gateway
                self._trust = Trust(gateway.settings.server.trusted_proxies)
            if await self._trust.includes(address_of(scope["client"][0])):
                _take_over(scope, self._trust)
        await self._app(scope, receive, send)


class Trust:
    """Addresses, networks and names, each of which may come to mean another address."""

    def __init__(self, entries: str, look_up: LookUp | None = None) -> None:
        self._networks: list[IPv4Network | IPv6Network] = []
        self._names: list[str] = []
        for entry in filter(None, (entry.strip() for entry in entries.split(","))):
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._names.append(entry)
        self._named: set[Address] = set()
        self._looked_up = -AGAIN_S
        self._look_up = look_up or _addresses
        self._lock = asyncio.Lock()

    async def includes(self, address: Address | None) -> bool:
        """Whether it is one of them; names are looked up when they have not been for a while."""
        if address is None:
            return False
        if self._is_stale(FRESH_S if self.knows(address) else AGAIN_S):
            async with self._lock:
                if self._is_stale(AGAIN_S):
                    await self._refresh()
        return self.knows(address)

    def knows(self, address: Address) -> bool:
        """The same by what is known already."""
        return address in self._named or any(address in network for network in self._networks)

    def _is_stale(self, seconds: float) -> bool:
        return bool(self._names) and time.monotonic() - self._looked_up >= seconds

    async def _refresh(self) -> None:
        found: set[Address] = set()
        try:
            async with asyncio.timeout(LOOKUP_S):
                for name in self._names:
                    found |= await self._look_up(name)
        except (OSError, TimeoutError):
            # A name that cannot be looked up now means what it did.
            found |= self._named
        self._named = found
        self._looked_up = time.monotonic()


def address_of(text: str) -> Address | None:
    """An address as a scope or a header has it, with a port or without; None if it is none."""
    # Longer than any: what is remembered must be short.
    return _address_of(text) if len(text) <= LONGEST else None


@lru_cache(1024)
def _address_of(text: str) -> Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _take_over(scope: Scope, trust: Trust) -> None:
    forwarded, scheme = [], b""
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            forwarded += value.decode("latin-1").split(",")
        elif name == b"x-forwarded-proto":
            scheme = value.strip().lower()
    if scheme in _SCHEMES:
        scope["scheme"] = _SCHEMES[scheme][scope["type"] == "websocket"]
    caller: Address | None = None
    for text in reversed(forwarded):
        address = address_of(text)
        if address is None:
            break
        caller = address
        if not trust.knows(address):
            break
    if caller is not None:
        scope["client"] = (str(caller), 0)


async def _addresses(name: str) -> set[Address]:
    """What a name means now; an unknown one means nothing."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}:
            return set()
        raise
    return {address for one in found if (address := address_of(str(one[4][0]))) is not None}
