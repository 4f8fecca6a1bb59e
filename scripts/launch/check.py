"""`python -m scripts.launch.check`: may the server start as it is configured.

Prints host, port and the seconds that a stop may take; or says in a sentence what is in the way and
ends with status 1.
"""

import errno
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from pydantic import ValidationError

from maoocr.cli.exposure import exposure
from maoocr.settings import Settings

__all__ = ["Obstacle", "check"]

STOP_SPARE_S = 30
"""What gunicorn has beyond the grace time to end its workers by force, and a little more."""


class Obstacle(Exception):
    """Why the server cannot start, as a sentence."""


def check() -> tuple[str, int, int]:
    """Host and port that the server will listen on, and how many seconds its stop may take.

    Port 0 has become a free one.

    Raises:
        Obstacle: a setting is wrong, the port is taken, the disk is full, or everybody would be
            let in.
    """
    try:
        settings = Settings()
    except ValidationError as wrong:
        raise Obstacle("\n".join(_told(wrong))) from None
    spool = settings.spool.dir or Path(tempfile.gettempdir())
    _check_disk(spool if spool.is_dir() else spool.parent, settings.limits.max_body_bytes)
    port = _free_port(settings.server.host, settings.server.port)
    exposed = exposure(settings)
    if exposed is not None:
        raise Obstacle(exposed)
    return settings.server.host, port, round(settings.server.grace_s) + STOP_SPARE_S


def _told(wrong: ValidationError) -> list[str]:
    lines = []
    for error in wrong.errors():
        path = "__".join(str(part) for part in error["loc"])
        name = path if path.isupper() else f"MAOOCR_{path}".upper()
        lines.append(f"{name}={error['input']!s:.100}: {error['msg']}.")
    return lines


def _check_disk(folder: Path, needed_bytes: int) -> None:
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError as wrong:
        raise Obstacle(f"Uploads cannot be kept in {folder}: {wrong.strerror}.") from None
    if free_bytes < needed_bytes:
        raise Obstacle(
            f"There is no room on the disk: {folder} has {free_bytes >> 20} MiB left, and one"
            f" upload may take {needed_bytes >> 20} MiB (MAOOCR_LIMITS__MAX_BODY_BYTES);"
            " MAOOCR_SPOOL__DIR names another folder."
        )


def _free_port(host: str, port: int) -> int:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise Obstacle(f"{host} is no address of this machine (MAOOCR_SERVER__HOST).") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as wrong:
            raise Obstacle(_port_sentence(host, port, wrong)) from None
        return int(probe.getsockname()[1])


def _port_sentence(host: str, port: int, wrong: OSError) -> str:
    if wrong.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is taken by another program:"
            " --port N takes another one, --port 0 a free one."
        )
    if wrong.errno == errno.EACCES:
        return f"Port {port} needs rights that you do not have: --port N takes another one."
    return f"{host} is no address of this machine (MAOOCR_SERVER__HOST)."


if __name__ == "__main__":
    try:
        sys.stdout.write("{} {} {}\n".format(*check()))
    except Obstacle as obstacle:
        sys.exit(str(obstacle))
