import os
from pathlib import Path

import pytest

from maoocr.pool.cores import CoreShare, available_cores


@pytest.fixture
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.usefixtures("_eight_cores")
@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8), ("", 8)],
)
def test_a_quota_of_the_second_kind_counts(tmp_path: Path, text: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert available_cores(tmp_path) == cores


@pytest.mark.usefixtures("_eight_cores")
@pytest.mark.parametrize(("quota", "cores"), [("-1", 8), ("300000", 3)])
def test_a_quota_of_the_first_kind_counts(tmp_path: Path, quota: str, cores: int) -> None:
    folder = tmp_path / "cpu"
    folder.mkdir()
    (folder / "cpu.cfs_quota_us").write_text(quota)
    (folder / "cpu.cfs_period_us").write_text("100000")
    assert available_cores(tmp_path) == cores


@pytest.mark.usefixtures("_eight_cores")
def test_without_a_quota_the_affinity_counts(tmp_path: Path) -> None:
    assert available_cores(tmp_path) == 8


class Lane:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def share(self, threads: int) -> None:
        self.told.append(threads)


@pytest.mark.parametrize(
    ("busy", "threads"), [(0, 6), (1, 6), (2, 4), (3, 2), (4, 2), (5, 1), (20, 1)]
)
def test_a_lone_lane_has_all_threads_and_several_share_them(busy: int, threads: int) -> None:
    share = CoreShare(cores=8, most_threads=6)
    for _ in range(busy):
        share.begin(Lane())
    assert share.threads == threads


def test_a_single_core_is_never_shared_by_two_threads() -> None:
    assert CoreShare(cores=1, most_threads=4).threads == 1


def test_lanes_hear_when_their_share_is_another_and_only_then() -> None:
    share = CoreShare(cores=8, most_threads=6)
    first, second, third, fourth = (Lane() for _ in range(4))
    for beginning in (first, second):
        share.begin(beginning)
        share.settle()
    share.settle()
    assert (first.told, second.told) == ([6, 4], [4])

    share.begin(third)
    share.end(second)
    share.settle()
    assert (first.told, second.told, third.told) == ([6, 4], [4], [4])

    share.end(third)
    share.settle()
    assert first.told == [6, 4, 6]

    share.end(first)
    share.begin(fourth)
    share.settle()
    assert (first.told, fourth.told) == ([6, 4, 6], [6])


def test_a_lane_that_was_idle_hears_its_share_again() -> None:
    share, lane = CoreShare(cores=2, most_threads=2), Lane()
    for _ in range(2):
        share.begin(lane)
        share.settle()
        share.end(lane)
    assert lane.told == [2, 2]
