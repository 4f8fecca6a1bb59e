"""One image at a time with nothing else running: ours through HTTP, RapidOCR in-process."""

import asyncio
from pathlib import Path

from .children import Children
from .folder import labelled_images
from .load import Connection, recognize_request
from .rapid import RapidReading, rapid_reader
from .report import Cell, Report
from .server import Server
from .spread import percentile, spread

__all__ = ["latency"]

PAUSE_S = 0.05
"""Idle threads of a runtime spin for a while; the next part must not pay for them."""


async def latency(folder: Path, *, every: int, rounds: int) -> None:
    """Read each image of one page by both, in turns."""
    report = Report("latency", {"folder": folder.name, "every": every, "rounds": rounds})
    images = [image for image in labelled_images(folder, every=every) if image.pages == 1]
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    with Server() as server, Children(1, rapid_reader, 0) as rapid:
        connection = Connection(server.port)
        for image in images[:3]:
            await connection.ask(recognize_request(image.path.read_bytes()))
            rapid.ask(image.path)
        for _ in range(rounds):
            ours.append([])
            theirs.append([])
            for image in images:
                await asyncio.sleep(PAUSE_S)
                answer = await connection.ask(recognize_request(image.path.read_bytes()))
                if answer.status != 200:
                    raise RuntimeError(f"{image.file}: {answer.status} {answer.body[:300]!r}")
                ours[-1].append(answer.seconds)
                await asyncio.sleep(PAUSE_S)
                reading: RapidReading = rapid.ask(image.path)
                theirs[-1].append(reading.wall_s)
        connection.close()
    rows: list[list[Cell]] = [
        [name, *(spread([percentile(r, p) for r in found]) for p in (50, 90, 99))]
        for name, found in (("maoocr, HTTP", ours), ("rapidocr, in-process", theirs))
    ]
    report.table(
        f"seconds for one of {len(images)} images, one at a time; median of rounds (range)",
        ("part", "p50", "p90", "p99"),
        rows,
    )
    each = [a / b for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True)]
    whole = [percentile(x, 50) / percentile(y, 50) for x, y in zip(ours, theirs, strict=True)]
    report.table(
        "ours by theirs",
        ("ratio", "value"),
        [
            ["of the p50", spread(whole)],
            ["p50 of the images' own ratios", percentile(each, 50)],
            ["p90 of the images' own ratios", percentile(each, 90)],
        ],
    )
    report.at_most("p50 beside RapidOCR's default with all cores", spread(whole).median, 0.45)
    report.finish()
