"""Processor time per image: ours through HTTP, RapidOCR's default, and the bare model."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .bare import Replay, lane_options, recorder, replayer
from .children import Children
from .folder import LabelledImage, labelled_images
from .load import Answer, closed_loop, recognize_request
from .processes import Role, cpu_seconds
from .rapid import RapidReading, rapid_reader
from .report import Cell, Report
from .server import Server
from .spread import spread

__all__ = ["throughput"]

PARTS = ("maoocr", "rapidocr", "bare model")
SLICE_IMAGES = 10
"""Fewer at a time would mostly measure lanes that run out of work."""


@dataclass(slots=True)
class Spent:
    """What a part took for some images."""

    cpu_s: float = 0.0
    wall_s: float = 0.0

    def add(self, cpu_s: float, wall_s: float) -> None:
        self.cpu_s += cpu_s
        self.wall_s += wall_s


class _Round:
    """One pass over all images by every part, in turns."""

    def __init__(self) -> None:
        self.parts = {name: Spent() for name in PARTS}
        self.roles: dict[Role, float] = {"gateway": 0.0, "lane": 0.0, "decoder": 0.0}
        self.reported_s = 0.0


async def throughput(folder: Path, *, every: int, rounds: int, slices: int) -> None:
    """Let every part read the same images on the same cores, in turns of a slice each."""
    report = Report("throughput", {"folder": folder.name, "every": every, "rounds": rounds})
    images = labelled_images(folder, every=every)
    slices = max(1, min(slices, len(images) // SLICE_IMAGES))
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="bench-calls-") as calls:
        options = lane_options()
        with Children(cores, recorder, Path(calls), options) as recorders:
            recorded = recorders.share([image.path for image in images])
        recordings = dict(zip([image.file for image in images], recorded, strict=True))
        with (
            Children(cores, rapid_reader, 1) as rapid,
            Children(cores, replayer, options) as bare,
            Server() as server,
        ):
            done = []
            for number in range(rounds):
                done.append(_Round())
                for at in range(slices):
                    part = images[at::slices]
                    await _ours(done[-1], server, part)
                    _rapid(done[-1], rapid, part)
                    _bare(done[-1], bare, [recordings[image.file] for image in part])
                print(f"round {number + 1} of {rounds}: {_summary(done[-1], len(images))}")
    _tell(report, images, done, cores)
    report.finish()


async def _ours(now: _Round, server: Server, images: Sequence[LabelledImage]) -> None:
    requests = {i.file: recognize_request(i.path.read_bytes(), name=i.file) for i in images}

    def take(image: LabelledImage, answer: Answer) -> None:
        if answer.status != 200:
            raise RuntimeError(f"{image.file}: {answer.status} {answer.body[:300]!r}")
        timings = answer.json()["timings"]
        now.reported_s += timings["decode_s"] + timings["recognize_s"]

    before, started = cpu_seconds(server.pid), time.perf_counter()
    await closed_loop(
        server.port, images, lambda i: requests[i.file], take, concurrency=2 * server.lanes
    )
    wall, after = time.perf_counter() - started, cpu_seconds(server.pid)
    for role in after:
        now.roles[role] += after[role] - before[role]
    now.parts["maoocr"].add(sum(after.values()) - sum(before.values()), wall)


def _rapid(now: _Round, readers: Children, images: Sequence[LabelledImage]) -> None:
    started = time.perf_counter()
    readings: list[RapidReading] = readers.share([image.path for image in images])
    wall = time.perf_counter() - started
    now.parts["rapidocr"].add(sum(reading.cpu_s for reading in readings), wall)


def _bare(now: _Round, replayers: Children, recordings: Sequence[Path]) -> None:
    replays: list[Replay] = replayers.share(recordings)
    # Reading a recording from the disk is no part of it, so the clock is theirs, not ours.
    wall = sum(replay.wall_s for replay in replays) / len(replayers)
    now.parts["bare model"].add(sum(replay.cpu_s for replay in replays), wall)


def _summary(now: _Round, images: int) -> str:
    return ", ".join(f"{name} {s.cpu_s / images:.3f} CPU s/image" for name, s in now.parts.items())


def _tell(
    report: Report, images: Sequence[LabelledImage], rounds: Sequence[_Round], cores: int
) -> None:
    count = len(images)
    rows: list[list[Cell]] = []
    for name in PARTS:
        spent = [r.parts[name] for r in rounds]
        cpu = spread([s.cpu_s / count for s in spent])
        row: list[Cell] = [name, cpu, spread([count / s.cpu_s for s in spent])]
        rows.append([*row, spread([count / s.wall_s for s in spent])])
    pages = sum(image.pages for image in images)
    report.table(
        f"{count} images ({pages} pages) on {cores} cores, median of rounds (range)",
        ("part", "CPU s/image", "images/CPU s", "images/s"),
        rows,
    )
    shares = [[role, spread([r.roles[role] / count for r in rounds])] for role in rounds[0].roles]
    reported = spread([r.reported_s / count for r in rounds])
    report.table(
        "where ours goes",
        ("process", "CPU s/image"),
        [*shares, ["(wall: decode and recognize as reported)", reported]],
    )
    ratios = {
        other: spread([r.parts[other].cpu_s / r.parts["maoocr"].cpu_s for r in rounds])
        for other in PARTS[1:]
    }
    report.table(
        "images per CPU second, ours by theirs",
        ("beside", "ratio"),
        [[name, ratio] for name, ratio in ratios.items()],
    )
    report.at_least("beside RapidOCR's default", ratios["rapidocr"].median, 3.0)
    report.at_least("beside the bare model", ratios["bare model"].median, 0.85)
