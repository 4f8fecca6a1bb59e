"""Asks /livez again and again, in a process of its own: `python -m bench.probe PORT SECONDS`.

Prints the seconds of each answer as a JSON list; null stands for a failure.
"""

import json
import socket
import sys
import time

__all__ = ["probe"]

PERIOD_S = 0.05
REQUEST = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def probe(port: int, seconds: float) -> list[float | None]:
    """Ask on a new connection each time, as an orchestrator does."""
    found: list[float | None] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        started = time.perf_counter()
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
                line.sendall(REQUEST)
                answer = b""
                while part := line.recv(4096):
                    answer += part
            is_alive = answer.startswith(b"HTTP/1.1 200")
        except OSError:
            is_alive = False
        taken = time.perf_counter() - started
        found.append(taken if is_alive else None)
        time.sleep(max(0.0, PERIOD_S - taken))
    return found


if __name__ == "__main__":
    print(json.dumps(probe(int(sys.argv[1]), float(sys.argv[2]))))
