"""Names to addresses, by the resolver of the system."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Protocol

from .addresses import Address

__all__ = ["NameNotFound", "Resolver", "SystemResolver"]


class NameNotFound(Exception):
    """The name has no address, or nobody says which."""


class Resolver(Protocol):
    """Looks names up."""

    async def resolve(self, host: str) -> Sequence[Address]:
        """Every address of a name, the best first; at least one.

        Raises:
            NameNotFound: there is none.
        """


class SystemResolver:
    """What `getaddrinfo` says: /etc/hosts, search domains and all.

    A look-up cannot be called back, and a name server that keeps silent holds it for half a minute:
    so each has a thread of its own, none of those that serve everything else, and their number is
    bounded.
    """

    def __init__(self, threads: int = 16) -> None:
        self._slots = asyncio.Semaphore(threads)

    async def resolve(self, host: str) -> Sequence[Address]:
        """See `Resolver`."""
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Sequence[Address]] = loop.create_future()

        def settle(addresses: Sequence[Address], error: Exception | None) -> None:
            self._slots.release()
            if found.done():
                return
            if error is None:
                found.set_result(addresses)
            else:
                found.set_exception(error)

        def look_up() -> None:
            addresses: Sequence[Address] = ()
            error: Exception | None = None
            try:
                addresses = _addresses(host)
            except Exception as caught:
                error = caught
            # A loop that is closed has nobody left who waits.
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, addresses, error)

        try:
            threading.Thread(target=look_up, name="resolver", daemon=True).start()
        except BaseException:
            self._slots.release()
            raise
        return await found


def _addresses(host: str) -> Sequence[Address]:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise NameNotFound(host) from error
    addresses = tuple(dict.fromkeys(ip_address(answer[4][0]) for answer in answers))
    if not addresses:
        raise NameNotFound(host)
    return addresses
