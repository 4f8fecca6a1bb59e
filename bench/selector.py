"""What choosing the engine costs each request."""

import time
from collections.abc import Sequence
from dataclasses import replace

from maoocr.domain import Requirements
from maoocr.engines.profiles import EngineProfile, load_profiles
from maoocr.service.ports import EngineCard
from maoocr.service.selector import select
from maoocr.settings import Settings

from .report import Cell, Report
from .spread import percentile

__all__ = ["selector_time"]

FAMILIES = ("paddleocr-vl", "deepseek-ocr", "qwen3-vl", "olmocr", "generic")


async def selector_time(*, engines: int, rounds: int) -> None:
    """Measure it.

    Args:
        engines: that the server has.
        rounds: requests of each kind.
    """
    report = Report("selector", {"engines": engines, "rounds": rounds})
    cards = _cards(engines)
    kinds = {
        "no requirements": None,
        "a table, accurately": Requirements(document_type="table", accuracy_requirement="high"),
        "everything at once": Requirements(
            document_type="formula",
            language="en",
            accuracy_requirement="high",
            real_time=True,
            max_seconds=60.0,
            max_cost=1.0,
            min_confidence=0.9,
        ),
    }
    rows: list[list[Cell]] = []
    slowest = 0.0
    for name, requirements in kinds.items():
        times = _times(requirements, cards, rounds)
        rows.append([name, *(1e6 * percentile(times, p) for p in (50, 99))])
        slowest = max(slowest, percentile(times, 99))
    report.table("microseconds of processor time for one request", ("request", "p50", "p99"), rows)
    report.at_most("slowest p99, ms", 1000 * slowest, 1.0)
    report.finish()


def _times(
    requirements: Requirements | None, cards: Sequence[EngineCard], rounds: int
) -> list[float]:
    times = []
    for _ in range(rounds):
        began = time.thread_time()
        select(requirements, None, "auto", cards, words=True, pages=20)
        times.append(time.thread_time() - began)
    return times


def _cards(count: int) -> list[EngineCard]:
    profiles = load_profiles(Settings(_env_file=None))
    found: list[EngineProfile] = [profiles.of("ppocr")]
    for number in range(count - 1):
        profile = profiles.of(f"vlm-{number}", FAMILIES[number % len(FAMILIES)])
        found.append(replace(profile, price_per_page=0.001 * (number % 4)))
    return [EngineCard(profile, None, True, queue_pages=3) for profile in found]
