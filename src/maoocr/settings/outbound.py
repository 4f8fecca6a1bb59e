"""Addresses that callers name."""

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import Field, field_validator

from .part import Part

__all__ = ["OutboundSettings"]

_HOST_NAME = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.ASCII | re.I)


class OutboundSettings(Part):
    """Addresses that callers name: `image_url`, and webhooks of jobs."""

    image_url: bool = False
    """Whether documents are fetched from the URL that a caller gives."""

    allow: str = ""
    """Addresses, networks (CIDR) and host names (`*.` takes all below) that may be dialled though
    they are private or denied, with commas between."""

    deny: str = ""
    """The same that may not be dialled though they are public; `0.0.0.0/0,::/0` leaves only what is
    allowed."""

    ports: Annotated[str, Field(pattern=r"^\d{1,5}( *, *\d{1,5})*$")] = "80,443"
    """Ports that may be dialled, with commas between."""

    connect_seconds: Annotated[float, Field(gt=0)] = 5.0
    """Seconds that looking up a name, and then connecting, may take."""

    idle_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Seconds of silence after which an answer is given up."""

    fetch_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Seconds that fetching a document may take in all, with the wait for its turn."""

    max_redirects: Annotated[int, Field(ge=0, le=20)] = 3
    """Redirects that a fetch follows; each is checked like the first address."""

    fetches: Annotated[int, Field(ge=1, le=1024)] = 8
    """Documents that one gateway fetches at once, half of them for one caller; more wait."""

    webhook_seconds: Annotated[float, Field(gt=0)] = 15.0
    """Seconds that delivering one webhook may take in all."""

    @field_validator("allow", "deny")
    @classmethod
    def _entries_are_clear(cls, entries: str) -> str:
        # An entry that matches nothing would leave open what the operator believes to be closed.
        for entry in filter(None, map(str.strip, entries.split(","))):
            if "/" in entry or ":" in entry or entry.replace(".", "").isdigit():
                ip_network(entry)
            elif not _HOST_NAME.fullmatch(entry):
                raise ValueError(f"{entry!r} is no address, network (CIDR) or host name")
        return entries
