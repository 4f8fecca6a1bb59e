"""Asks the server of this container whether it is well; the exit status says so."""

import http.client
import os
import sys

from .command import PORT
from .weights import lack_of
from .wishes import WrongSetting, wishes_of

__all__ = ["main"]

TIMEOUT_S = 4.0


def main(port: int = PORT) -> int:
    """Exit status: 0 where the server answers /health with 200; else it says why not."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        print(reason())  # noqa: T201
        return 1
    finally:
        connection.close()
    if status != 200:
        print(f"vLLM answers /health with {status}.")  # noqa: T201
    return 0 if status == 200 else 1


def reason() -> str:
    """Why nobody answers, as far as the folder of the weights tells."""
    try:
        lack = lack_of(wishes_of(os.environ).folder)
    except WrongSetting as wrong:
        return str(wrong)
    return lack or "vLLM does not answer: it loads the weights, or hangs."


if __name__ == "__main__":
    sys.exit(main())
