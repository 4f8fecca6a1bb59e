"""Where the gateway listens, who may use it, what it writes down."""

from typing import Annotated, Literal

from pydantic import Field

from .part import Part

__all__ = ["AuthSettings", "LogSettings", "ServerSettings"]


class ServerSettings(Part):
    """Where the gateway listens and how it ends."""

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 takes a free one."""

    grace_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Seconds that work already admitted may take to finish when the service stops."""

    allowed_hosts: Annotated[str, Field(pattern=r"^[\w.:*-]*( *, *[\w.:*-]+)*$")] = ""
    """Names by which the service may be called (`Host`), with commas between: `*.` takes all below,
    `*` all there are. Empty is `*` behind API keys, and only `localhost` while there are none."""

    trusted_proxies: Annotated[str, Field(pattern=r"^[\w.:/-]*( *, *[\w.:/-]+)*$")] = (
        "127.0.0.1,::1"
    )
    """Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: addresses, networks and
    names, with commas between. Empty is none."""


class AuthSettings(Part):
    """Who may use the service. With no API key made, everybody on this machine."""

    allow_open: bool = False
    """Whether other machines are served too while no API key was made."""

    open_rate_per_minute: Annotated[int, Field(ge=0)] = 0
    """Requests that one address may make in a minute while no API key was made; 0 for no limit."""

    grace_seconds: Annotated[float, Field(ge=0)] = 600.0
    """Seconds that API keys go on working when the database is away, over a restart as well."""


class LogSettings(Part):
    """Logging; the text of documents is never logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is written."""

    format: Literal["json", "text"] = "json"
    """One JSON object a line, or plain text."""
