"""How long a page takes an engine, by the size of the page, and how long the next one waits."""

import math
from dataclasses import dataclass

__all__ = ["SIZE_CLASSES_PX", "Pace", "PaceNow", "expected_read_s", "expected_wait_s"]

SIZE_CLASSES_PX = (500_000, 2_000_000, 6_000_000)
"""Most pixels of a small page (a receipt, a crop), of a medium one (a screen, A4 at 100 dpi) and of
a large one (A4 at 200 dpi); what is above is huge."""

_WEIGHT = 0.1
"""Of a new page in the running mean, once there are more than ten."""


@dataclass(frozen=True, slots=True)
class PaceNow:
    """The estimates at one moment.

    Attributes:
        seconds: for a page of whatever size; None until one was read.
        by_size: for a page of each size class, from small to huge; None likewise.
    """

    seconds: float | None = None
    by_size: tuple[float | None, ...] = (None,) * (len(SIZE_CLASSES_PX) + 1)

    def of(self, pixels: int | None) -> float | None:
        """Seconds for a page of so many pixels; of the usual page where its size is not known."""
        if pixels is None:
            return self.seconds
        found = self.by_size[_size_class(pixels)]
        return self.seconds if found is None else found


class Pace:
    """Running means over the last dozens of pages of each size."""

    def __init__(self) -> None:
        self._all = _Mean()
        self._by_size = tuple(_Mean() for _ in range(len(SIZE_CLASSES_PX) + 1))

    def add(self, pixels: int, seconds: float) -> None:
        """A lane took so long to decode and read a page."""
        self._all.add(seconds)
        self._by_size[_size_class(pixels)].add(seconds)

    @property
    def now(self) -> PaceNow:
        """The estimates."""
        return PaceNow(self._all.value, tuple(mean.value for mean in self._by_size))


class _Mean:
    """An exponentially weighted mean that begins as a plain one."""

    def __init__(self) -> None:
        self._count = 0
        self.value: float | None = None

    def add(self, seconds: float) -> None:
        self._count += 1
        if self.value is None:
            self.value = seconds
        else:
            self.value += max(_WEIGHT, 1 / self._count) * (seconds - self.value)


def expected_wait_s(
    seconds_per_page: float, *, queue_pages: int, pages_in_work: int, pages_at_once: int
) -> float:
    """Seconds until a lane takes the next page, if everybody before it is served first.

    A page in work is half done, on the average.
    """
    if not queue_pages and pages_in_work < pages_at_once:
        return 0.0
    return (queue_pages + pages_in_work / 2) * seconds_per_page / max(1, pages_at_once)


def expected_read_s(seconds_per_page: float, pages: int, *, pages_at_once: int) -> float:
    """Seconds from the first page's turn to the last page's end."""
    return math.ceil(pages / max(1, pages_at_once)) * seconds_per_page


def _size_class(pixels: int) -> int:
    return sum(pixels > most for most in SIZE_CLASSES_PX)
