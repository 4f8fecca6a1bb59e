"""The command line of the bench."""

import argparse
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from .accuracy import accuracy
from .cascade import HARD_KINDS, cascade
from .contamination import contamination
from .history import history
from .jobs import jobs
from .latency import latency
from .memory import memory_over_pages
from .overhead import http_overhead
from .overload import overload
from .pdf import MEMORY_PAGES, long_pdf
from .report import LinesMissed
from .selector import selector_time
from .throughput import throughput

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="MEASUREMENT")

    def command(name: str, told: str, *, folder: bool = False) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=told, description=told)
        if folder:
            made.add_argument("folder", type=Path, help="folder with images and labels.jsonl")
            made.add_argument("--every", type=int, default=1, help="take only every Nth image")
        return made

    made = command("accuracy", "accuracy over a labelled folder, by kind", folder=True)
    made.add_argument("--rapidocr", action="store_true", help="beside RapidOCR's default")

    made = command("throughput", "CPU seconds per image, ours beside others", folder=True)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--slices", type=int, default=6, help="most turns of the parts in a round")

    made = command("latency", "one image at a time", folder=True)
    made.add_argument("--rounds", type=int, default=1)

    made = command("memory", "memory of all processes over many pages")
    made.add_argument("folder", type=Path, nargs="?", help="labelled images; else generated pages")
    made.add_argument("--pages", type=int, default=2000)
    made.add_argument("--every", type=int, default=100, help="pages between two looks")
    made.add_argument("--seed", type=int, default=1)

    made = command("http", "overhead of HTTP, and answers from the cache")
    made.add_argument("picture", type=Path, nargs="?", help="what is sent; else a generated page")
    made.add_argument("--engine", default="fake")
    made.add_argument("--requests", type=int, default=500, help="one at a time, for the overhead")
    made.add_argument("--seconds", type=float, default=5, help="of each round of cache hits")
    made.add_argument("--rounds", type=int, default=5)

    made = command("pdf", "a long scanned PDF: cores, first page, memory")
    made.add_argument("--pages", type=int, default=50)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--memory-pages", type=int, nargs="*", default=MEMORY_PAGES)

    made = command("contamination", "does each caller get his own text")
    made.add_argument("--requests", type=int, default=5000)
    made.add_argument("--concurrency", type=int, default=32)
    made.add_argument("--kill", type=float, nargs="?", const=3.0, default=0.0, metavar="SECONDS")
    made.add_argument("--seed", type=int, default=1)

    made = command("cascade", "what a second engine is asked, and what its answers do")
    made.add_argument("folder", type=Path, help="folder with images and labels.jsonl")
    made.add_argument("--kinds", nargs="+", default=HARD_KINDS)

    made = command("jobs", "pace of a job, and each page once whoever is killed")
    made.add_argument("--pages", type=int, default=300)
    made.add_argument("--deaths", type=int, default=10, help="processes killed, in turn")
    made.add_argument("--delay", type=float, default=0.1, help="seconds that a page takes")
    made.add_argument("--database", default="postgres", choices=["postgres", "sqlite"])

    made = command("history", "paging and search of the history with many rows")
    made.add_argument("--rows", type=int, default=10_000)
    made.add_argument("--database", default="postgres", help="postgres, sqlite or an address")
    made.add_argument("--searches", type=int, default=30, help="of each kind")
    made.add_argument("--seed", type=int, default=1)

    made = command("selector", "what choosing the engine costs each request")
    made.add_argument("--engines", type=int, default=10)
    made.add_argument("--rounds", type=int, default=5000)

    made = command("overload", "ten times as many callers as there is room for")
    made.add_argument("--room", type=int, default=64)
    made.add_argument("--seconds", type=float, default=30)
    made.add_argument("--deadline", type=float, default=300)
    made.add_argument("--impatient", action="store_true", help="don't wait for Retry-After")
    return parser


def _work(given: argparse.Namespace) -> Coroutine[Any, Any, None]:
    works: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "accuracy": lambda: accuracy(given.folder, every=given.every, with_rapidocr=given.rapidocr),
        "throughput": lambda: throughput(
            given.folder, every=given.every, rounds=given.rounds, slices=given.slices
        ),
        "latency": lambda: latency(given.folder, every=given.every, rounds=given.rounds),
        "memory": lambda: memory_over_pages(
            given.folder, pages=given.pages, every=given.every, seed=given.seed
        ),
        "http": lambda: http_overhead(
            given.picture,
            engine=given.engine,
            requests=given.requests,
            seconds=given.seconds,
            rounds=given.rounds,
        ),
        "pdf": lambda: long_pdf(
            pages=given.pages, rounds=given.rounds, memory_pages=tuple(given.memory_pages)
        ),
        "contamination": lambda: contamination(
            requests=given.requests,
            concurrency=given.concurrency,
            kill_s=given.kill,
            seed=given.seed,
        ),
        "cascade": lambda: cascade(given.folder, kinds=tuple(given.kinds)),
        "jobs": lambda: jobs(
            pages=given.pages,
            deaths=given.deaths,
            delay_s=given.delay,
            database=given.database,
        ),
        "history": lambda: history(
            rows=given.rows, database=given.database, searches=given.searches, seed=given.seed
        ),
        "selector": lambda: selector_time(engines=given.engines, rounds=given.rounds),
        "overload": lambda: overload(
            room=given.room,
            seconds=given.seconds,
            deadline_s=given.deadline,
            patient=not given.impatient,
        ),
    }
    return works[given.command]()


def main(arguments: list[str]) -> None:
    """Measure what the arguments name; exits with 1 where a line is missed."""
    # Not the default, which would leave the servers of a measurement running.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        uvloop.run(_work(_parser().parse_args(arguments)))
    except LinesMissed as missed:
        sys.exit(f"MISSED: {missed}")


if __name__ == "__main__":
    main(sys.argv[1:])
