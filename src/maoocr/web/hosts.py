"""By which name the service is called, and from which site: what a browser tells of a stranger.

A service without keys trusts whoever reaches it, and every page that somebody opens in a browser on
this machine can. Such a page may only send what changes nothing here; and should its own name come
to mean this machine (DNS rebinding), the name in `Host` is still the stranger's.
"""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import Scope

from ..errors import Forbidden
from ..settings import ServerSettings

__all__ = ["host_name", "is_loopback", "require_own_name", "require_own_site"]

SETTING = "MAOOCR_SERVER__ALLOWED_HOSTS"
LONGEST = 128
"""Characters of an address, with a zone."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def require_own_name(scope: Scope, settings: ServerSettings, *, is_local: bool) -> None:
    """Let through who calls the service by one of its names.

    Args:
        scope: of the request; without a `Host` it is no browser's.
        settings: with the names, if any are given.
        is_local: without any given, only the names of this machine's loopback are its own.

    Raises:
        Forbidden: it is called by another.
    """
    allowed = _entries(settings)
    if "*" in allowed or not (allowed or is_local):
        return
    for host in HTTPConnection(scope).headers.getlist("host"):
        name = host_name(host)
        if allowed and _is_among(name, allowed):
            continue
        if not allowed and (_is_loopback_name(name) or name == settings.host.lower()):
            continue
        known = ", ".join(allowed) if allowed else "localhost, while there is no API key"
        raise Forbidden(
            f"This service does not go by the name {name[:100]!r} ({SETTING}: {known})."
        )


def require_own_site(scope: Scope, settings: ServerSettings) -> None:
    """Let through what a page of this service asks for, and what changes nothing.

    Raises:
        Forbidden: a page of another site opens a WebSocket or sends something.
    """
    if scope["type"] == "http" and scope["method"] in _SAFE:
        return
    headers = HTTPConnection(scope).headers
    origin = headers.get("origin")
    if origin is None:
        return
    site = _netloc(origin)
    if site and site == headers.get("host", "").lower():
        return
    # A proxy in between may have put its own name into `Host`.
    if site and _is_among(host_name(site), [e for e in _entries(settings) if e != "*"]):
        return
    raise Forbidden(
        f"A page of another site, {origin[:100]!r}, may not do this here while there is no API key"
        f" ({SETTING} names the sites that are this service)."
    )


def host_name(host: str) -> str:
    """The name in a `Host`, without its port, in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name = host.rpartition(":")[0] if host.count(":") == 1 else host
    return name.removesuffix(".")


def is_loopback(address: str) -> bool:
    """An address at which only this machine reaches itself."""
    # Longer than any: what is remembered must be short.
    return len(address) <= LONGEST and _is_loopback(address)


@lru_cache(1024)
def _is_loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def _is_loopback_name(name: str) -> bool:
    # RFC 6761, section 6.3: no resolver may let these mean anything else.
    return name == "localhost" or name.endswith(".localhost") or is_loopback(name)


def _entries(settings: ServerSettings) -> list[str]:
    return [entry.strip().lower() for entry in settings.allowed_hosts.split(",") if entry.strip()]


def _is_among(name: str, entries: Sequence[str]) -> bool:
    return any(
        name == entry or (entry.startswith("*.") and name.endswith(entry[1:])) for entry in entries
    )


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
