"""How many processor cores there really are, and how many a lane may use now."""

import os
from pathlib import Path
from typing import Protocol

__all__ = ["CoreShare", "Sharer", "available_cores", "gateway_cores", "most_threads"]

DEFAULT_THREADS = 4
"""Each thread costs a lane the memory of one more stream, and a page has only so many lines."""


def available_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores of the affinity mask, or fewer where a container's quota says so; at least 1.

    Args:
        cgroup: where the control groups are mounted, as the container sees its own.
    """
    cores = len(os.sched_getaffinity(0))
    quota = _quota_v2(cgroup / "cpu.max") or _quota_v1(cgroup / "cpu")
    return max(1, min(cores, int(quota))) if quota else cores


def gateway_cores(web_concurrency: int) -> int:
    """Cores for the lanes of one gateway process of so many; at least 1."""
    return max(1, available_cores() // web_concurrency)


def most_threads(asked: int, cores: int) -> int:
    """Threads that a lane may ever use: what was asked for, or some of the cores where it is 0."""
    return asked or min(cores, DEFAULT_THREADS)


def _quota_v2(path: Path) -> float | None:
    words = _words(path)
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return None
    return int(words[0]) / max(1, int(words[1]))


def _quota_v1(folder: Path) -> float | None:
    quota, period = _words(folder / "cpu.cfs_quota_us"), _words(folder / "cpu.cfs_period_us")
    if len(quota) != 1 or len(period) != 1 or not (quota[0].isdigit() and period[0].isdigit()):
        return None
    return int(quota[0]) / max(1, int(period[0]))


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, UnicodeError):
        return []


class Sharer(Protocol):
    """Who uses cores while it is busy."""

    def share(self, threads: int) -> None:
        """Hear how many threads it may use from now on."""


class CoreShare:
    """Divides the cores among the lanes that are busy, anew whenever that changes.

    A page that is read alone has all cores, shares them with the next one that begins, and has them
    again when that has ended. Shares are whole and equal: a rest that cannot be divided stays free.
    """

    def __init__(self, cores: int, most_threads: int) -> None:
        """Make it.

        Args:
            cores: that the lanes of this gateway may use together.
            most_threads: of one lane, even when it is alone.
        """
        self._cores = cores
        self._most_threads = most_threads
        self._busy: dict[Sharer, int] = {}

    @property
    def threads(self) -> int:
        """The share of each lane, at least 1."""
        share = self._cores // max(1, len(self._busy))
        return max(1, min(self._most_threads, self._cores, share))

    def begin(self, lane: Sharer) -> None:
        """One more lane is busy, and hears of its share when this is settled."""
        self._busy[lane] = 0

    def end(self, lane: Sharer) -> None:
        """It is not any more."""
        self._busy.pop(lane, None)

    def settle(self) -> None:
        """Tell those whose share is another now; once it is known who goes on."""
        threads = self.threads
        for lane, told in self._busy.items():
            if told != threads:
                self._busy[lane] = threads
                lane.share(threads)
