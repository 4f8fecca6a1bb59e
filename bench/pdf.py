"""A long scanned PDF: all cores against one, the first page, and memory against length."""

import os
from dataclasses import dataclass

from .load import Connection, recognize_request
from .pictures import pdf_of_pages
from .processes import MIB, watch
from .report import Cell, Report
from .server import Server
from .spread import spread

__all__ = ["long_pdf"]

MEMORY_PAGES = (10, 50, 200)


@dataclass(frozen=True, slots=True)
class _Run:
    seconds: float
    first_s: float


async def long_pdf(*, pages: int, rounds: int, memory_pages: tuple[int, ...]) -> None:
    """Measure all three.

    Args:
        pages: of the PDF.
        rounds: of all cores and one core, in turns.
        memory_pages: lengths whose peak memory is compared; none leaves that out.
    """
    report = Report("pdf", {"pages": pages, "rounds": rounds})
    document = pdf_of_pages(pages)
    cores = sorted(os.sched_getaffinity(0))
    everything: list[_Run] = []
    alone: list[_Run] = []
    streamed: list[_Run] = []
    with Server() as server, Server(cores=cores[:1]) as narrow:
        for one in (server, narrow):
            await _read(one, pdf_of_pages(2), 2)
        for _ in range(rounds):
            everything.append(await _read(server, document, pages))
            alone.append(await _read(narrow, document, pages))
            streamed.append(await _read(server, document, pages, "jsonl"))
    rows: list[list[Cell]] = [
        [name, spread([r.seconds for r in runs]), spread([r.first_s for r in runs])]
        for name, runs in (
            (f"{len(cores)} cores", everything),
            ("1 core", alone),
            (f"{len(cores)} cores, format=jsonl", streamed),
        )
    ]
    report.table(
        f"{pages} pages, {len(document) / MIB:.1f} MiB; seconds, median of rounds (range)",
        ("on", "whole", "first bytes of the answer"),
        rows,
    )
    ratio = spread([a.seconds / b.seconds for a, b in zip(everything, alone, strict=True)])
    report.at_most(f"{len(cores)} cores by 1 core", ratio.median, 0.55)
    first = spread([run.first_s / run.seconds for run in streamed])
    report.at_most("first page by whole", first.median, 0.5)
    await _memory(report, memory_pages)
    report.finish()


async def _memory(report: Report, lengths: tuple[int, ...]) -> None:
    peaks: list[list[Cell]] = []
    for length in lengths:
        document = pdf_of_pages(length)
        # A new server each: what one document leaves behind must not count for the next.
        room = {
            "MAOOCR_LIMITS__MAX_BODY_BYTES": str(2 * len(document)),
            "MAOOCR_LIMITS__REQUEST_SECONDS": "3600",
        }
        megabytes: list[Cell] = []
        for form in ("json", "jsonl"):
            # To look at the memory takes time of the cores, so it is not done where time counts.
            with Server(room) as server, watch(server.pid) as peak:
                await _read(server, document, length, form)
            megabytes.append(round(peak.total / MIB, 1))
        peaks.append([length, round(len(document) / MIB, 1), *megabytes])
    if peaks:
        columns = ("pages", "PDF", "json", "jsonl")
        report.table("peak PSS of all processes, MiB", columns, peaks)


async def _read(server: Server, document: bytes, pages: int, form: str = "json") -> _Run:
    request = recognize_request(
        document, name="pages.pdf", fields={"format": form, "pdf_text": "ocr"}
    )
    connection = Connection(server.port)
    answer = await connection.ask(request)
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} {answer.body[:300]!r}")
    done = answer.body.count(b"\n") if form == "jsonl" else answer.json()["pages_done"]
    if done != pages:
        raise RuntimeError(f"{done} of {pages} pages were read.")
    return _Run(answer.seconds, answer.first_s)
