"""A server's processes: the time they took and the memory that they hold."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

__all__ = ["Memory", "Peak", "Role", "cpu_seconds", "lanes_of", "memory", "role_of", "watch"]

Role = Literal["gateway", "lane", "decoder"]

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """Proportional set size in bytes, by role.

    A page that several processes share counts in each by its share, so sums are true.
    """

    gateway: int
    lanes: int
    decoders: int

    @property
    def total(self) -> int:
        return self.gateway + self.lanes + self.decoders


@dataclass(slots=True)
class Peak:
    """The most memory that was seen."""

    total: int = 0
    samples: list[Memory] = field(default_factory=list)


def tree(pid: int) -> list[psutil.Process]:
    """A process and all below it that live now."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def role_of(command: list[str]) -> Role:
    """What a process of a server does, by its command line."""
    text = " ".join(command)
    if ".pool.worker" in text:
        return "lane"
    return "decoder" if ".documents.decoder" in text else "gateway"


def lanes_of(pid: int) -> list[psutil.Process]:
    """The lanes of a server."""
    found = []
    for process in tree(pid):
        with suppress(psutil.NoSuchProcess):
            if role_of(process.cmdline()) == "lane":
                found.append(process)
    return found


def cpu_seconds(pid: int) -> dict[Role, float]:
    """Processor time of a process tree so far, by role; time of ended children counts too."""
    spent: dict[Role, float] = {"gateway": 0.0, "lane": 0.0, "decoder": 0.0}
    for process in tree(pid):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent[role_of(process.cmdline())] += times.user + times.system
            # Ended children: of a lane they were decoders.
            ended = times.children_user + times.children_system
            spent["decoder" if role_of(process.cmdline()) == "lane" else "gateway"] += ended
    return spent


def memory(pid: int) -> Memory:
    """What a process tree holds now."""
    held: dict[Role, int] = {"gateway": 0, "lane": 0, "decoder": 0}
    for process in tree(pid):
        with suppress(psutil.NoSuchProcess, OSError):
            held[role_of(process.cmdline())] += _pss(process.pid)
    return Memory(held["gateway"], held["lane"], held["decoder"])


def _pss(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    for line in rollup.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


@contextmanager
def watch(
    pid: int, period_s: float = 0.5, look: Callable[[int], Memory] = memory
) -> Iterator[Peak]:
    """Look at the memory of a process tree again and again while the block runs."""
    peak, ended = Peak(), threading.Event()

    def run() -> None:
        while True:
            now = look(pid)
            peak.samples.append(now)
            peak.total = max(peak.total, now.total)
            if ended.wait(period_s):
                return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
