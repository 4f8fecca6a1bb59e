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


def test_a_lone_lane_has_all_threads_and_several_share_them() -> None:
    share = CoreShare(cores=8, most_threads=6)
    threads = []
    for share.busy in (0, 1, 2, 3, 20):
        threads.append(share.threads(is_last=False))
    assert threads == [6, 6, 4, 2, 1]


def test_who_begins_last_has_twice_its_share_because_it_ends_alone() -> None:
    share = CoreShare(cores=8, most_threads=6)
    threads = []
    for share.busy in (1, 2, 3, 8, 20):
        threads.append(share.threads(is_last=True))
    assert threads == [6, 6, 4, 2, 2]


def test_a_single_core_is_never_shared_by_two_threads() -> None:
    share = CoreShare(cores=1, most_threads=4)
    share.busy = 1
    assert share.threads(is_last=True) == 1
