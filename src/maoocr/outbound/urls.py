"""A URL that somebody gave, read strictly: what cannot be read in one way only is refused.

Clients disagree about odd URLs, and a check that reads one differently from the code that dials it
checks nothing. Here the parts that were read are what is dialled; the text is never read again.
"""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urljoin

import idna

from ..errors import FetchFailed, Forbidden, InvalidRequest
from .addresses import Address

__all__ = ["PORTS", "Target", "parse_redirect", "parse_url"]

PORTS = "MAOOCR_OUTBOUND__PORTS"

_MAX_LENGTH = 4096
_MAX_HOST = 253
_DEFAULT_PORTS = {"http": 80, "https": 443}
_FORM = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.ASCII | re.I | re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]+)(?::([0-9]{1,5}))?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.ASCII)
_IPV6 = re.compile(r"\[([0-9a-f:.]+)\]", re.ASCII | re.I)
# What RFC 3986 allows in a path and a query; `%` stays, since what came is encoded already.
_KEPT = "/?:@!$&'()*+,;=%~-._[]|"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads.

    Attributes:
        scheme: decides whether TLS is spoken.
        name: the host in lower case, ASCII, without a dot at its end; None for an address.
        address: the host where it is an address, however it was written; None for a name.
        port: a number, also where the URL had none.
        path: with the query, percent-encoded, beginning with `/`.
    """

    scheme: Literal["http", "https"]
    name: str | None
    address: Address | None
    port: int
    path: str

    @property
    def host(self) -> str:
        """As TLS and name resolution have it: without brackets."""
        return self.name if self.name is not None else str(self.address)

    @property
    def authority(self) -> str:
        """As the header Host has it: with brackets, and with the port where it is not the usual."""
        host = f"[{self.host}]" if isinstance(self.address, ipaddress.IPv6Address) else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole, written anew."""
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_url(text: str, ports: Collection[int], field: str = "image_url") -> Target:
    """Read a URL.

    Args:
        text: as it was given.
        ports: that may be dialled.
        field: the name under which it was given, for the messages.

    Raises:
        InvalidRequest: it is no absolute http or https URL, or one that can be read in two ways.
        Forbidden: its port is not one of `ports`.
    """
    if len(text) > _MAX_LENGTH:
        raise InvalidRequest(f"{field}: the URL is longer than {_MAX_LENGTH} characters.")
    if any(char <= " " or char in '\\\x7f"<>^`{}' or "\x80" <= char <= "\xa0" for char in text):
        raise InvalidRequest(
            f'{field}: the URL has a space, a control character or one of \\ " < > ^ ` {{ }} in it;'
            " percent-encode them."
        )
    match = _FORM.fullmatch(text)
    if match is None:
        raise InvalidRequest(f"{field}: an absolute http:// or https:// URL is expected.")
    scheme: Literal["http", "https"] = "https" if match[1].lower() == "https" else "http"
    host, port = _host_and_port(match[2], scheme, field)
    if port not in ports:
        raise Forbidden(
            f"{field}: port {port} may not be dialled; those that may are"
            f" {', '.join(map(str, sorted(ports)))} ({PORTS})."
        )
    try:
        path = quote((match[3] or "/") + (match[4] or ""), safe=_KEPT)
    except UnicodeEncodeError:
        raise InvalidRequest(f"{field}: the URL is not valid Unicode.") from None
    name, address = _read_host(host, field)
    return Target(scheme, name, address, port, path)


def parse_redirect(
    location: bytes, base: Target, ports: Collection[int], field: str = "image_url"
) -> Target:
    """Read where a server sends its caller on to.

    Raises:
        FetchFailed: it is no valid URL.
        Forbidden: it leads to a port that may not be dialled, or from https to http.
    """
    try:
        target = parse_url(urljoin(base.url, location.decode("utf-8")), ports, field)
    except (ValueError, InvalidRequest):  # what is not UTF-8 is a ValueError
        raise FetchFailed(f"{field}: the server redirects to what is not a valid URL.") from None
    if base.scheme == "https" and target.scheme == "http":
        raise Forbidden(f"{field}: the server redirects from https to http, which is refused.")
    return target


def _host_and_port(authority: str, scheme: str, field: str) -> tuple[str, int]:
    if "@" in authority:
        raise InvalidRequest(f"{field}: a URL with a user name or password is not taken.")
    if "%" in authority:
        raise InvalidRequest(f"{field}: a percent-encoded host is not taken.")
    match = _AUTHORITY.fullmatch(authority)
    port = int(match[2] or _DEFAULT_PORTS[scheme]) if match else 0
    if match is None or not 0 < port < 65536:
        raise InvalidRequest(f"{field}: the host, or the port behind it, is not valid.")
    return match[1], port


def _read_host(host: str, field: str) -> tuple[str | None, Address | None]:
    if host.startswith("["):
        match = _IPV6.fullmatch(host)
        try:
            return None, ipaddress.IPv6Address(match[1] if match else "")
        except ValueError:
            raise InvalidRequest(f"{field}: the host is no IPv6 address.") from None
    name = _ascii(host, field)
    labels = name.split(".")
    # By its last label a host is a number, in one of the notations that resolvers know, or a name.
    if _NUMBER.fullmatch(labels[-1]):
        return None, _ipv4(labels, field)
    if len(name) > _MAX_HOST or not all(map(_LABEL.fullmatch, labels)):
        raise InvalidRequest(f"{field}: the host is not a valid name.")
    return name, None


def _ascii(host: str, field: str) -> str:
    """The host in ASCII and lower case, without the one dot that may end it."""
    try:
        mapped = idna.uts46_remap(host, std3_rules=False, transitional=False).lower()
        mapped = mapped.removesuffix(".")
        if mapped.isascii():
            return mapped
        return idna.encode(mapped).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError, IndexError):
        raise InvalidRequest(f"{field}: the host is not a valid name.") from None


def _ipv4(labels: list[str], field: str) -> ipaddress.IPv4Address:
    """An IPv4 address of one to four parts, each decimal, octal or hexadecimal (as inet_aton)."""
    try:
        parts = [_number(label) for label in labels]
        last = parts.pop()
        if len(parts) > 3 or any(part > 255 for part in parts):
            raise ValueError
        value = sum(part << (24 - 8 * place) for place, part in enumerate(parts))
        if last >= 1 << (32 - 8 * len(parts)):
            raise ValueError
        return ipaddress.IPv4Address(value + last)
    except ValueError:
        raise InvalidRequest(f"{field}: the host is no IPv4 address.") from None


def _number(label: str) -> int:
    if not _NUMBER.fullmatch(label) or len(label) > 40:
        raise ValueError
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8) if label.startswith("0") else int(label)
