"""Fetch a document from a URL that a caller gave, hop by hop."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable

import httpcore

from .. import __version__
from ..errors import DeadlineExceeded, FetchFailed, MaoOCRError, Overloaded, TooLarge
from ..settings import OutboundSettings, Settings
from ..telemetry.metrics import Metrics
from .addresses import Policy
from .dialling import Dialler, public_trust
from .resolver import Resolver, SystemResolver
from .turns import NoTurn, Turns
from .urls import Target, parse_redirect, parse_url

__all__ = ["Fetcher", "fetcher_of"]

Sink = Callable[[bytes], Awaitable[None]]

_REDIRECTS = {301, 302, 303, 307, 308}
_HEADERS = (
    ("User-Agent", f"maoocr/{__version__}"),
    ("Accept", "*/*"),
    # What comes compressed may grow without a bound.
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
)


class Fetcher:
    """Fetches documents, a few at a time. One for each gateway process."""

    def __init__(
        self,
        policy: Policy,
        resolver: Resolver,
        settings: OutboundSettings,
        tls: ssl.SSLContext,
        max_bytes: int,
        metrics: Metrics,
    ) -> None:
        """Make a fetcher.

        Args:
            policy: see `Dialler`, as for what follows.
            resolver: asked anew at each hop.
            settings: the limits.
            tls: verifies the names of https servers.
            max_bytes: of a document.
            metrics: how fetches end, and how long they take.
        """
        self._dialler = Dialler(policy, resolver, settings, tls)
        self._settings = settings
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._turns = Turns(settings.fetches)
        self._pace_s = 1.0

    async def fetch(self, url: str, sink: Sink, *, client: str, field: str = "image_url") -> None:
        """Fetch what a URL leads to.

        Args:
            url: as the caller gave it.
            sink: takes the bytes as they come.
            client: for whom; clients take turns.
            field: the name under which the URL was given, for the messages.

        Raises:
            InvalidRequest: it is no URL that is taken.
            Forbidden: it leads, directly or at last, to what may not be dialled.
            FetchFailed: it leads to no document.
            TooLarge: the document is over the limit.
            Overloaded: too many are being fetched.
            DeadlineExceeded: it takes too long.
        """
        begun = time.monotonic()
        outcome = "ok"
        try:
            target = parse_url(url, self._dialler.ports, field)
            await self._in_turn(target, sink, client, field)
        except MaoOCRError as error:
            outcome = error.code
            raise
        except BaseException:
            outcome = "cancelled"
            raise
        finally:
            self._metrics.fetch_seconds.labels(outcome).observe(time.monotonic() - begun)

    async def _in_turn(self, target: Target, sink: Sink, client: str, field: str) -> None:
        limit_s = self._settings.fetch_seconds
        is_begun = False
        try:
            async with asyncio.timeout(limit_s), self._turns.turn(client):
                is_begun = True
                begun = time.monotonic()
                try:
                    await self._follow(target, sink, field)
                finally:
                    self._pace_s += 0.2 * (time.monotonic() - begun - self._pace_s)
        except NoTurn:
            raise self._overloaded(field) from None
        except TimeoutError:
            if not is_begun:
                raise self._overloaded(field) from None
            raise DeadlineExceeded(
                f"{field}: the document did not come within {limit_s:g} s"
                " (MAOOCR_OUTBOUND__FETCH_SECONDS)."
            ) from None

    def _overloaded(self, field: str) -> Overloaded:
        turns = self._turns
        return Overloaded(
            f"{field}: too many documents are being fetched; {turns.most} are at once, at most half"
            " of them for one client (MAOOCR_OUTBOUND__FETCHES).",
            retry_after_s=max(1.0, self._pace_s * (turns.here + 1) / turns.most),
        )

    async def _follow(self, target: Target, sink: Sink, field: str) -> None:
        most = self._settings.max_redirects
        for _ in range(most + 1):
            async with self._dialler.exchange("GET", target, field, headers=_HEADERS) as response:
                if response.status not in _REDIRECTS:
                    return await self._receive(response, sink, field)
                location = _header(response, b"location")
            if location is None:
                raise FetchFailed(f"{field}: the server redirects to nowhere.")
            target = parse_redirect(location, target, self._dialler.ports, field)
        raise FetchFailed(
            f"{field}: the server redirects more than {most} times"
            " (MAOOCR_OUTBOUND__MAX_REDIRECTS)."
        )

    async def _receive(self, response: httpcore.Response, sink: Sink, field: str) -> None:
        if response.status != 200:
            raise FetchFailed(f"{field}: the server answered with status {response.status}.")
        encoding = (_header(response, b"content-encoding") or b"identity").strip().lower()
        if encoding not in {b"", b"identity"}:
            raise FetchFailed(
                f"{field}: the server sends the document compressed, which was not asked for."
            )
        announced = _header(response, b"content-length") or b""
        if announced.isdigit() and int(announced) > self._max_bytes:
            raise self._too_large(field)
        received = 0
        async for chunk in response.aiter_stream():
            received += len(chunk)
            if received > self._max_bytes:
                raise self._too_large(field)
            await sink(chunk)

    def _too_large(self, field: str) -> TooLarge:
        return TooLarge(
            f"{field}: the document is over the limit of {self._max_bytes} bytes"
            " (MAOOCR_LIMITS__MAX_BODY_BYTES)."
        )


def fetcher_of(settings: Settings, metrics: Metrics) -> Fetcher | None:
    """The fetcher that the settings ask for; None where nothing is fetched for callers."""
    outbound = settings.outbound
    if not outbound.image_url:
        return None
    policy = Policy.from_lists(outbound.allow, outbound.deny)
    most = settings.limits.max_body_bytes
    return Fetcher(policy, SystemResolver(), outbound, public_trust(), most, metrics)


def _header(response: httpcore.Response, name: bytes) -> bytes | None:
    return next((value for key, value in response.headers if key.lower() == name), None)
