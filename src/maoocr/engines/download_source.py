"""Opens an address: which ones are taken, where they may lead, and why nobody answered."""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from .. import __version__
from ..errors import ModelUnavailable

__all__ = ["Patience", "open_url", "require_safe_url", "why"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may take.

    Attributes:
        silence_s: for a connection, or between two pieces of the answer.
        window_s: over which the speed is measured.
        window_bytes: that must arrive in each window.
        clock: seconds that only grow.
    """

    silence_s: float = 15.0
    window_s: float = 60.0
    window_bytes: int = 64 * 1024
    clock: Callable[[], float] = time.monotonic


def require_safe_url(url: str) -> None:
    """Refuse an address that is neither https nor on this machine.

    Raises:
        ModelUnavailable: with the reason.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise ModelUnavailable(f"{url!r} is not a valid address: {error}.") from error
    if not host or parts.scheme not in {"https", "http"}:
        raise ModelUnavailable(f"{url!r} is refused: only https addresses are taken.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ModelUnavailable(
            f"{url!r} is refused: only https addresses are taken, and http on this machine."
        )


def open_url(
    url: str, patience: Patience, headers: Mapping[str, str] | None = None, key: str = ""
) -> Any:
    """The answer to a GET, whose body is still to be read.

    Args:
        url: its redirects are followed where they are safe.
        patience: how long connecting may take, and each read.
        headers: beside the usual ones.
        key: sent as bearer token to this host, and to none that it redirects to.

    Raises:
        ModelUnavailable: a redirect is refused.
        HTTPError: another status than 2xx.
        OSError: nobody answers.
        HTTPException: what answers is no HTTP.
    """
    usual = {"User-Agent": f"maoocr/{__version__}", "Accept-Encoding": "identity"}
    request = Request(url, headers={**usual, **(headers or {})})
    if key:
        request.add_unredirected_header("Authorization", f"Bearer {key}")
    return build_opener(_SafeRedirects).open(request, timeout=patience.silence_s)


def why(error: Exception, patience: Patience) -> str:
    """Why nobody answered or the answer broke off, without a dot at the end."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer within {patience.silence_s:g} s"
    if isinstance(reason, socket.gaierror):
        return (
            "the name is not found. Is this machine connected to the network?"
            " Behind a proxy, set HTTPS_PROXY"
        )
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message})"
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return text.rstrip(".") or type(reason).__name__


class _SafeRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        require_safe_url(newurl)
        if req.type == "https" and not newurl.lower().startswith("https:"):
            raise ModelUnavailable(f"{req.full_url} leads from https to {newurl!r}: refused.")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and _origin(newurl) == _origin(req.full_url):
            # What was not to be redirected is a key: it stays with the host that asks for it.
            for name, value in req.unredirected_hdrs.items():
                request.add_unredirected_header(name, value)
        return request


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.hostname or "", parts.port
