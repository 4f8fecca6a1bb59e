"""Whether the service may listen where it is told to: not for all the world without a key."""

import ipaddress
import socket
import sys

from ..settings import Settings

__all__ = ["exposure", "is_loopback", "refuse_exposure"]


def exposure(settings: Settings) -> str | None:
    """Why the service may not start as it is configured, as a sentence.

    Where the database is away there may be keys: it starts, and lets nobody in until it knows.
    """
    host = settings.server.host
    if settings.auth.allow_open or is_loopback(host):
        return None
    # Imported here: most servers listen on the loopback and need no database to start.
    from .keys import were_keys_made

    if were_keys_made(settings) is not False:
        return None
    return (
        f"No API key was made, and others can reach {host or 'every address'}"
        " (MAOOCR_SERVER__HOST): `maoocr keys create NAME` makes a key, or"
        " MAOOCR_AUTH__ALLOW_OPEN=true lets everybody in without."
    )


def refuse_exposure() -> None:
    """End the process with the sentence, where there is one; gunicorn asks so."""
    sys.exit(exposure(Settings()))


def is_loopback(host: str) -> bool:
    """Only this machine itself reaches that address; an empty one means all that there are."""
    if not host:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return all(ipaddress.ip_address(address).is_loopback for address in _addresses(host))


def _addresses(host: str) -> set[str]:
    """What a name stands for; nothing where it is wrong, which who listens says better."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {str(place[4][0]).partition("%")[0] for place in found}
