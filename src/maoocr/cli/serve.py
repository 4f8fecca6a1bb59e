"""`maoocr serve`."""

import socket
from typing import Annotated

import typer

from .exposure import exposure
from .sentences import load_settings, tell

__all__ = ["serve"]


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on (MAOOCR_SERVER__HOST).")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port to listen on; 0 takes a free one (MAOOCR_SERVER__PORT)."
        ),
    ] = None,
) -> None:
    """Run the server in this terminal.

    One process, for development and for containers that bring their own supervisor; start.sh and
    the Docker image run it under gunicorn.
    """
    # Imported here: the other commands must not wait for a web framework.
    import uvicorn

    from ..bootstrap import create_app
    from ..web.server import listeners, settle_memory, uvicorn_options

    settings = load_settings()
    given = {"host": host, "port": port}
    changes = {name: value for name, value in given.items() if value is not None}
    server = settings.server.model_copy(update=changes)
    settings = settings.model_copy(update={"server": server})
    obstacle = exposure(settings)
    if obstacle is not None:
        tell(f"maoocr: {obstacle}")
        raise typer.Exit(1)
    with _listening(server.host, server.port) as listener:
        address = f"[{server.host}]" if ":" in server.host else server.host
        tell(f"MaoOCR listens on http://{address}:{listener.getsockname()[1]}")
        config = uvicorn.Config(
            create_app(settings),
            log_config=None,
            **uvicorn_options(settings.limits.max_body_bytes),
            timeout_graceful_shutdown=max(1, round(server.grace_s)),
        )
        config.load()
        settle_memory()
        uvicorn.Server(config).run(sockets=listeners([listener]))


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2048)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        tell(f"maoocr: {host}:{port} cannot be listened on: {error.strerror}.")
        raise typer.Exit(1) from error
    return listener
