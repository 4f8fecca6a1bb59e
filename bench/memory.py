"""Memory of a server over many pages of differing sizes."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .folder import labelled_images
from .load import Answer, closed_loop, recognize_request
from .pictures import encode, resized, text_page
from .processes import MIB, Memory, memory, watch
from .report import Report
from .server import Server
from .spread import flatness

__all__ = ["memory_over_pages"]

SETTLED_AT = 500
SCALES = (0.5, 1.1)
ROLES = ("gateway", "lanes", "decoders", "all")

Page = Callable[[], bytes]


async def memory_over_pages(folder: Path | None, *, pages: int, every: int, seed: int) -> None:
    """Send pages and look at the processes after each hundred or so.

    Args:
        folder: labelled images, each sent again and again at random sizes; generated pages if None.
        pages: how many.
        every: pages between two looks.
        seed: of the sizes.
    """
    source = folder.name if folder else "generated"
    report = Report("memory", {"folder": source, "pages": pages, "seed": seed})
    looks: list[tuple[int, Memory]] = []
    started = time.monotonic()
    with Server() as server:
        looks.append((0, memory(server.pid)))
        with watch(server.pid) as peak:
            for first in range(0, pages, every):
                await _send(server, _pages(folder, first, min(every, pages - first), seed))
                done = min(pages, first + every)
                looks.append((done, memory(server.pid)))
                now = looks[-1][1]
                taken = time.monotonic() - started
                print(f"{done:6d} pages {taken:7.0f} s {now.total / MIB:8.1f} MiB", flush=True)
        lanes = server.lanes
    report.table(
        f"PSS with {lanes} lanes, MiB", ("pages", *ROLES), [_row(done, m) for done, m in looks]
    )
    totals = [m.total for done, m in looks if done >= SETTLED_AT]
    ranked = sorted(peak.samples, key=lambda m: m.total)
    report.table(
        f"while they are read, PSS of {len(ranked)} samples, MiB",
        ("sample", *ROLES),
        [_row("median", ranked[len(ranked) // 2]), _row("most", ranked[-1])],
    )
    report.at_most("PSS of all processes, GiB", max(m.total for _, m in looks) / 2**30, 1.2)
    if len(totals) > 1:
        report.at_most(f"flatness from page {SETTLED_AT}", flatness(totals), 0.05)
    report.finish()


def _row(name: int | str, held: Memory) -> list[int | float | str]:
    parts = (held.gateway, held.lanes, held.decoders, held.total)
    return [name, *(round(part / MIB, 1) for part in parts)]


def _pages(folder: Path | None, first: int, count: int, seed: int) -> Iterator[Page]:
    """The pages of a stretch; the same for the same seed, however they are cut."""
    files = []
    if folder is not None:
        files = [image.path for image in labelled_images(folder) if image.pages == 1]
    for number in range(first, first + count):
        chance = random.Random(f"{seed} {number}")
        factor = chance.uniform(*SCALES)
        if files:
            yield _ResizedFile(files[number % len(files)], factor)
        else:
            yield _Generated(number, factor)


class _ResizedFile:
    def __init__(self, path: Path, factor: float) -> None:
        self._path, self._factor = path, factor

    def __call__(self) -> bytes:
        return resized(self._path.read_bytes(), self._factor)


class _Generated:
    def __init__(self, number: int, factor: float) -> None:
        self._number, self._factor = number, factor

    def __call__(self) -> bytes:
        size = round(1240 * self._factor), round(1754 * self._factor)
        return encode(text_page(self._number, *size, max(14, round(24 * self._factor))), "JPEG")


async def _send(server: Server, pages: Iterator[Page]) -> None:
    async def request_of(page: Page) -> bytes:
        return recognize_request(await asyncio.to_thread(page), name="page.jpg")

    def take(page: Page, answer: Answer) -> None:
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {answer.body[:300]!r}")

    await closed_loop(server.port, pages, request_of, take, concurrency=2 * server.lanes)
