"""One exchange with a vetted address: looked up once, judged, and dialled as it was judged."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager

import certifi
import httpcore

from ..errors import FetchFailed, Forbidden
from ..settings import OutboundSettings
from .addresses import Address, Policy
from .resolver import NameNotFound, Resolver
from .urls import Target

__all__ = ["ALLOW", "Dialler", "public_trust"]

log = logging.getLogger("maoocr.outbound")

ALLOW = "MAOOCR_OUTBOUND__ALLOW"

_MOST_ADDRESSES = 4
_FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    ssl.SSLError,
)


def public_trust() -> ssl.SSLContext:
    """Trusts the authorities of certifi, and the system's or those of SSL_CERT_FILE and _DIR."""
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=certifi.where())
    return context


class Dialler:
    """Speaks HTTP/1.1 with what the policy permits: no proxies, no cookies, no redirects.

    Attributes:
        ports: those that may be dialled.
    """

    def __init__(
        self,
        policy: Policy,
        resolver: Resolver,
        settings: OutboundSettings,
        tls: ssl.SSLContext,
    ) -> None:
        """Make a dialler.

        Args:
            policy: judges every address.
            resolver: asked once for each exchange.
            settings: the seconds that connecting and silence may take.
            tls: verifies the names of https servers.
        """
        self._policy = policy
        self._resolver = resolver
        self._settings = settings
        self._tls = tls
        self.ports: Collection[int] = frozenset(map(int, settings.ports.split(",")))

    async def vetted(self, target: Target, field: str) -> Sequence[Address]:
        """The addresses of a target, every one of which may be dialled.

        Raises:
            Forbidden: one of them may not be, or the name may not be looked up.
            FetchFailed: the name leads nowhere.
        """
        if target.address is not None:
            addresses: Sequence[Address] = (target.address,)
        elif self._policy.permits_name(target.host):
            addresses = await self._resolved(target, field)
        else:
            addresses = ()
        # One bad answer among good ones is an attack: the next look-up might bring it alone.
        if not addresses or not all(self._policy.permits(one, target.name) for one in addresses):
            # Only the operator is told where it leads; the caller could map the network by it.
            told = {"host": target.host, "addresses": ", ".join(map(str, addresses))}
            log.warning("an address was refused", extra=told)
            raise Forbidden(
                f"{field}: this address may not be dialled: only public ones are, and those that"
                f" the operator allows ({ALLOW})."
            )
        return addresses[:_MOST_ADDRESSES]

    @asynccontextmanager
    async def exchange(
        self,
        method: str,
        target: Target,
        field: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> AsyncIterator[httpcore.Response]:
        """Send a request, and give the answer as soon as its head is there.

        The connection is closed at the end; failures while the body is read are translated too.

        Raises:
            Forbidden: the target may not be dialled.
            FetchFailed: it is out of reach, or does not speak proper HTTP.
        """
        addresses = await self.vetted(target, field)
        host = target.host.encode("ascii")
        connection = httpcore.AsyncHTTPConnection(
            httpcore.Origin(target.scheme.encode(), host, target.port),
            ssl_context=self._tls,
            network_backend=_Vetted(addresses),
        )
        idle_s = self._settings.idle_seconds
        request = httpcore.Request(
            method,
            httpcore.URL(
                scheme=target.scheme, host=host, port=target.port, target=target.path.encode()
            ),
            headers=[("Host", target.authority), *headers],
            content=body or None,
            extensions={
                "timeout": {
                    "connect": self._settings.connect_seconds,
                    "read": idle_s,
                    "write": idle_s,
                }
            },
        )
        try:
            response = await connection.handle_async_request(request)
            try:
                yield response
            finally:
                await response.aclose()
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise _out_of_reach(target, field, error) from error
        except _FAILURES as error:
            raise FetchFailed(
                f"{field}: the server broke off, kept silent for {idle_s:g} s"
                " (MAOOCR_OUTBOUND__IDLE_SECONDS) or did not answer in proper HTTP."
            ) from error
        finally:
            await connection.aclose()

    async def _resolved(self, target: Target, field: str) -> Sequence[Address]:
        try:
            async with asyncio.timeout(self._settings.connect_seconds):
                return await self._resolver.resolve(target.host)
        except (NameNotFound, TimeoutError) as error:
            raise _out_of_reach(target, field, error) from error


class _Vetted(httpcore.AsyncNetworkBackend):
    """Dials the given addresses, in turn, whatever name it is asked for."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        ends = None if timeout is None else time.monotonic() + timeout
        failure: Exception = httpcore.ConnectError("no address")
        for left, address in zip(range(len(self._addresses), 0, -1), self._addresses, strict=True):
            # Each of those that are left gets an even share of the time that is left.
            share = None if ends is None else max(0.0, ends - time.monotonic()) / left
            try:
                return await self._sockets.connect_tcp(
                    str(address), port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def _out_of_reach(target: Target, field: str, error: Exception) -> FetchFailed:
    """One sentence for every reason: which it was would tell a stranger about the network."""
    reason = f"{type(error).__name__}: {error}"[:200]
    log.info("a server is out of reach", extra={"host": target.host, "reason": reason})
    return FetchFailed(f"{field}: the server cannot be reached, or its certificate is not trusted.")
