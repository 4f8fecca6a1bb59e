"""Few numbers for many: medians, percentiles, ranges."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Spread", "flatness", "percentile", "spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of some measurements and how far they lie apart."""

    median: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        median, low, high = map(_short, (self.median, self.low, self.high))
        return f"{median} ({low} .. {high}, n={self.count})"


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which this part of the values lies, interpolated between neighbours.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("There is nothing to take a percentile of.")
    ordered = sorted(values)
    at = (len(ordered) - 1) * percent / 100
    below, above = math.floor(at), math.ceil(at)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def spread(values: Sequence[float]) -> Spread:
    """Median and range of at least one value."""
    return Spread(percentile(values, 50), min(values), max(values), len(values))


def flatness(values: Sequence[float]) -> float:
    """How far the values go from the middle of their range, as a fraction of that middle.

    0.05 means that a band of five percent to both sides holds all of them.
    """
    middle = (max(values) + min(values)) / 2
    return (max(values) - min(values)) / 2 / middle if middle else 0.0
