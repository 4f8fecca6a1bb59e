"""What HTTP costs: overhead of a request beside its lane, and answers from the cache."""

import asyncio
import time
from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path

from .load import Answer, Connection, closed_loop, recognize_request
from .pictures import encode, text_page
from .processes import cpu_seconds
from .report import Cell, Report
from .server import Server
from .spread import percentile, spread

__all__ = ["http_overhead"]

CONCURRENCY = 16
WARM_UP = 20


async def http_overhead(
    picture: Path | None, *, engine: str, requests: int, seconds: float, rounds: int
) -> None:
    """Measure both.

    Args:
        picture: what is sent; a generated page of 800 x 600 pixels if None.
        engine: `fake` reads nothing, so that more requests fit into the time; or `ppocr`.
        requests: for the overhead, one at a time.
        seconds: of each round of cache hits.
        rounds: of cache hits.
    """
    document = _document(picture)
    name = picture.name if picture else "generated"
    report = Report("http", {"picture": name, "bytes": len(document), "engine": engine})
    with Server({"MAOOCR_ENGINE": engine}) as server:
        await _overhead(report, server, recognize_request(document), requests)
        await _hits(report, server, recognize_request(document, cache=True), seconds, rounds)
    report.finish()


def _document(picture: Path | None) -> bytes:
    return picture.read_bytes() if picture else encode(text_page(1, 800, 600), "PNG")


async def _overhead(report: Report, server: Server, request: bytes, requests: int) -> None:
    connection = Connection(server.port)
    kinds: dict[str, list[float]] = {name: [] for name in ("whole", "lane", "waiting", "overhead")}
    for number in range(WARM_UP + requests):
        answer = await connection.ask(request)
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {answer.body[:300]!r}")
        if number < WARM_UP:
            continue
        timings = answer.json()["timings"]
        lane = timings["decode_s"] + timings["recognize_s"]
        kinds["whole"].append(answer.seconds)
        kinds["lane"].append(lane)
        kinds["waiting"].append(timings["queue_s"])
        kinds["overhead"].append(answer.seconds - lane)
    connection.close()
    rows: list[list[Cell]] = [
        [name, *(1000 * percentile(found, p) for p in (50, 90, 99))]
        for name, found in kinds.items()
    ]
    report.table(
        f"{requests} requests, one at a time, ms (overhead: whole less the lane's decode and"
        " recognize)",
        ("part", "p50", "p90", "p99"),
        rows,
    )
    report.at_most("overhead p50, ms", 1000 * percentile(kinds["overhead"], 50), 8)


def _until(ends: float) -> Iterator[int]:
    return takewhile(lambda _: time.monotonic() < ends, count())


async def _hits(
    report: Report, server: Server, request: bytes, seconds: float, rounds: int
) -> None:
    rates, server_cpu, client_cpu, times = [], [], [], list[float]()

    def take(number: int, answer: Answer) -> None:
        if answer.status != 200 or answer.headers.get("x-cache") != "hit":
            raise RuntimeError(f"{answer.status} {answer.headers} {answer.body[:300]!r}")
        times.append(answer.seconds)

    first = Connection(server.port)
    size = len((await first.ask(request)).body)
    first.close()
    for _ in range(rounds):
        await asyncio.sleep(0.2)
        already = len(times)
        cpu, own = sum(cpu_seconds(server.pid).values()), time.process_time()
        started = time.monotonic()
        await closed_loop(
            server.port,
            _until(started + seconds),
            lambda _: request,
            take,
            concurrency=CONCURRENCY,
        )
        wall, answered = time.monotonic() - started, len(times) - already
        rates.append(answered / wall)
        server_cpu.append((sum(cpu_seconds(server.pid).values()) - cpu) / wall)
        client_cpu.append((time.process_time() - own) / wall)
    report.table(
        f"cache hits, concurrency {CONCURRENCY}, answers of {size} bytes; median of rounds (range)",
        ("what", "value"),
        [
            ["answers/s", spread(rates)],
            ["p50 ms", 1000 * percentile(times, 50)],
            ["p99 ms", 1000 * percentile(times, 99)],
            ["cores that the server used", spread(server_cpu)],
            ["cores that the client used", spread(client_cpu)],
        ],
    )
    report.at_least("cache hits/s", spread(rates).median, 800)
