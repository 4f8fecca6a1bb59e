"""Deliver a signed webhook to an address that a caller gave: one attempt."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from .. import __version__
from ..errors import FetchFailed, MaoOCRError
from ..settings import OutboundSettings, Settings
from .addresses import Policy
from .dialling import Dialler, public_trust
from .resolver import Resolver, SystemResolver
from .signature import SIGNATURE_HEADER, sign
from .urls import parse_url

__all__ = ["Delivery", "Poster", "poster_of"]

_FIELD = "webhook_url"
_MOST_ANSWER_BYTES = 64 * 1024


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one attempt went.

    Attributes:
        status: that the receiver answered with; None when there was no answer.
        reason: why it did not succeed, as a sentence; empty when it did.
    """

    status: int | None
    reason: str

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took it."""
        return not self.reason


class Poster:
    """Posts webhooks under the same policy as fetches."""

    def __init__(
        self,
        policy: Policy,
        resolver: Resolver,
        settings: OutboundSettings,
        tls: ssl.SSLContext,
        *,
        now: Callable[[], int] = _now,
    ) -> None:
        """Make a poster.

        Args:
            policy: see `Dialler`, as for what follows.
            resolver: asked anew for each attempt.
            settings: the limits.
            tls: verifies the names of https servers.
            now: seconds since 1970.
        """
        self._dialler = Dialler(policy, resolver, settings, tls)
        self._settings = settings
        self._now = now

    async def check(self, url: str) -> None:
        """Refuse a URL that no attempt would ever dial, before there is anything to deliver.

        A name that is not found now may be found later, and passes.

        Raises:
            InvalidRequest: it is no URL that is taken.
            Forbidden: it leads to what may not be dialled.
        """
        target = parse_url(url, self._dialler.ports, _FIELD)
        with suppress(FetchFailed):
            await self._dialler.vetted(target, _FIELD)

    async def post(self, url: str, body: bytes, secret: str) -> Delivery:
        """Deliver a JSON body once. Redirects are not followed; the answer is dropped.

        Args:
            url: as the caller gave it.
            body: JSON; signed as it is.
            secret: see `sign`.

        Returns:
            How it went; this never raises for anything that the other side can bring about.
        """
        limit_s = self._settings.webhook_seconds
        try:
            async with asyncio.timeout(limit_s):
                status = await self._send(url, body, secret)
        except TimeoutError:
            return Delivery(
                None,
                f"{_FIELD}: the server did not answer within {limit_s:g} s"
                " (MAOOCR_OUTBOUND__WEBHOOK_SECONDS).",
            )
        except MaoOCRError as error:
            return Delivery(None, error.message)
        if 200 <= status < 300:
            return Delivery(status, "")
        said = "redirects, which is not followed" if 300 <= status < 400 else "answered"
        return Delivery(status, f"{_FIELD}: the server {said} (status {status}).")

    async def _send(self, url: str, body: bytes, secret: str) -> int:
        target = parse_url(url, self._dialler.ports, _FIELD)
        headers = (
            ("User-Agent", f"maoocr/{__version__}"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            (SIGNATURE_HEADER, sign(body, secret, self._now())),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        )
        exchange = self._dialler.exchange("POST", target, _FIELD, headers=headers, body=body)
        async with exchange as response:
            received = 0
            # The answer is in its status; a receiver that sees its body read can end in peace.
            async for chunk in response.aiter_stream():
                received += len(chunk)
                if received > _MOST_ANSWER_BYTES:
                    break
            return response.status


def poster_of(settings: Settings) -> Poster:
    """The poster that the settings ask for."""
    outbound = settings.outbound
    policy = Policy.from_lists(outbound.allow, outbound.deny)
    return Poster(policy, SystemResolver(), outbound, public_trust())
