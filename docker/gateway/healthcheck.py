"""Asks the gateway of this container whether it answers; the exit status says so.

Meant for `python -I -S`: it takes nothing but sockets, so that asking costs a few milliseconds.
"""

import os
import socket
import sys

TIMEOUT_S = 4.0
_REQUEST = b"GET /livez HTTP/1.0\r\nHost: localhost\r\nUser-Agent: healthcheck\r\n\r\n"
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def address() -> tuple[str, int]:
    """Where the gateway listens, for somebody in the same container."""
    host = os.environ.get("MAOOCR_SERVER__HOST", "")
    return _EVERYWHERE.get(host, host), int(os.environ.get("MAOOCR_SERVER__PORT") or 8000)


def status_line(host: str, port: int) -> str:
    """The first line of what /livez answers, or an empty text.

    Raises:
        OSError: nobody listens, or nothing came in time.
    """
    # create_connection would load the tables of international names, for most of the time it takes.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.connect((host, port))
        connection.sendall(_REQUEST)
        received = b""
        while b"\r\n" not in received and (part := connection.recv(4096)):
            received += part
    return received.partition(b"\r\n")[0].decode("latin-1")


def main() -> int:
    """Exit status: 0 where the gateway answers."""
    host, port = address()
    try:
        line = status_line(host, port)
    except OSError as error:
        print(f"The gateway does not answer at {host}:{port}: {error}")  # noqa: T201
        return 1
    if line.split(" ")[1:2] != ["200"]:
        print(f"The gateway answers /livez with {line!r}.")  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
