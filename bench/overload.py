"""Ten times the room: who is refused is told so at once, and the service stays alive."""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from .load import Connection, recognize_request
from .machine import ROOT
from .pictures import random_token, token_picture
from .report import Cell, Report
from .server import Server
from .spread import percentile

__all__ = ["overload"]

TIMES = 10
IMPATIENT_S = 0.1
PROBE_S = 5.0
"""After which the probe calls it a failure; so slow at least was one that failed."""


@dataclass(slots=True)
class _Seen:
    seconds: dict[str, list[float]] = field(default_factory=dict)
    retry_after: Counter[int] = field(default_factory=Counter)

    def add(self, status: str, seconds: float) -> None:
        self.seconds.setdefault(status, []).append(seconds)


async def overload(*, room: int, seconds: float, deadline_s: float, patient: bool) -> None:
    """Let ten times as many callers ask as the server takes documents.

    Args:
        room: documents that the server takes (MAOOCR_POOL__MAX_DOCUMENTS).
        seconds: for which callers go on asking.
        deadline_s: of a request (MAOOCR_LIMITS__REQUEST_SECONDS).
        patient: callers wait as long as a 429 tells them; else a tenth of a second.
    """
    given = {"room": room, "callers": TIMES * room, "seconds": seconds, "patient": patient}
    report = Report("overload", given)
    settings = {
        "MAOOCR_POOL__MAX_DOCUMENTS": str(room),
        "MAOOCR_LIMITS__REQUEST_SECONDS": str(deadline_s),
    }
    source = random.Random(7)
    pictures = [token_picture(random_token(source)) for _ in range(200)]
    requests = [recognize_request(picture) for picture in pictures]
    seen = _Seen()
    with Server(settings) as server:
        quiet = await _probe(server.port, 3)
        probing = asyncio.ensure_future(_probe(server.port, seconds))
        ends = time.monotonic() + seconds
        async with asyncio.TaskGroup() as callers:
            for number in range(TIMES * room):
                callers.create_task(_caller(server.port, requests, number, ends, patient, seen))
        busy = await probing
        after = await _ask(server.port, requests[0])
    _tell(report, seen, quiet, busy, deadline_s)
    report.at_least("the next request afterwards is answered with 200", float(after == 200), 1)
    report.finish()


async def _ask(port: int, request: bytes) -> int:
    connection = Connection(port)
    try:
        return (await connection.ask(request)).status
    finally:
        connection.close()


async def _caller(
    port: int, requests: list[bytes], number: int, ends: float, patient: bool, seen: _Seen
) -> None:
    connection = Connection(port)
    while time.monotonic() < ends:
        started = time.perf_counter()
        try:
            answer = await connection.ask(requests[number % len(requests)])
        except OSError as error:
            seen.add(type(error).__name__, time.perf_counter() - started)
            await asyncio.sleep(IMPATIENT_S)
            continue
        seen.add(str(answer.status), time.perf_counter() - started)
        if answer.status == 429:
            seen.retry_after[round(answer.retry_after_s)] += 1
            pause = answer.retry_after_s if patient else IMPATIENT_S
            await asyncio.sleep(max(0.0, min(pause, ends - time.monotonic())))
    connection.close()


async def _probe(port: int, seconds: float) -> list[float | None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.probe",
        str(port),
        str(seconds),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    found: list[float | None] = json.loads(said)
    return found


def _tell(
    report: Report,
    seen: _Seen,
    quiet: list[float | None],
    busy: list[float | None],
    deadline_s: float,
) -> None:
    report.table(
        "answers",
        ("status", "count", "p50 s", "p99 s", "most s"),
        [
            [status, len(times), percentile(times, 50), percentile(times, 99), max(times)]
            for status, times in sorted(seen.seconds.items())
        ],
    )
    waits = sorted(seen.retry_after.elements()) or [0]
    report.table(
        "Retry-After, s", ("p50", "least", "most"), [[percentile(waits, 50), waits[0], waits[-1]]]
    )
    rows = [_alive("before", quiet), _alive("under load", busy)]
    report.table("/livez, ms", ("when", "asked", "failed", "p50", "p99", "most"), rows)
    others = sum(len(times) for status, times in seen.seconds.items() if status not in _EXPECTED)
    report.at_most("answers other than 200 and 429", others, 0)
    report.at_most("longest answer, s", max(map(max, seen.seconds.values())), deadline_s)
    report.at_most("slowest /livez, ms", 1000 * max(each or PROBE_S for each in busy), 100)
    report.at_most("failed /livez", busy.count(None), 0)


def _alive(when: str, found: list[float | None]) -> list[Cell]:
    times = [1000 * each for each in found if each is not None]
    percentiles = [percentile(times, p) for p in (50, 99, 100)] if times else [None] * 3
    return [when, len(found), len(found) - len(times), *percentiles]


_EXPECTED = frozenset({"200", "429"})
