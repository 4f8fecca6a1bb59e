import pytest

from maoocr.pool.pace import SIZE_CLASSES_PX, Pace, PaceNow, expected_read_s, expected_wait_s

SMALL, LARGE = 100_000, SIZE_CLASSES_PX[-1]


def test_nothing_is_known_of_an_engine_that_read_nothing() -> None:
    assert Pace().now == PaceNow()
    assert Pace().now.of(SMALL) is None


def test_the_first_page_is_believed() -> None:
    pace = Pace()
    pace.add(SMALL, 0.2)
    assert pace.now.seconds == pytest.approx(0.2)


def test_each_size_has_its_own_pace() -> None:
    pace = Pace()
    for _ in range(20):
        pace.add(SMALL, 0.1)
        pace.add(LARGE, 2.0)
    assert pace.now.of(SMALL) == pytest.approx(0.1)
    assert pace.now.of(LARGE) == pytest.approx(2.0)
    assert 0.1 < (pace.now.of(None) or 0) < 2.0


def test_a_size_that_was_not_seen_has_the_pace_of_the_usual_page() -> None:
    pace = Pace()
    pace.add(SMALL, 0.1)
    assert pace.now.of(LARGE + 1) == pytest.approx(0.1)


def test_a_change_shows_within_dozens_of_pages() -> None:
    pace = Pace()
    for seconds in [0.1] * 100 + [1.0] * 40:
        pace.add(SMALL, seconds)
    assert pace.now.of(SMALL) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("queue", "in_work", "at_once", "wait_s"),
    [(0, 0, 1, 0.0), (0, 3, 4, 0.0), (0, 4, 4, 1.0), (10, 4, 4, 6.0), (10, 0, 0, 20.0)],
)
def test_the_wait_is_that_of_the_pages_before(
    queue: int, in_work: int, at_once: int, wait_s: float
) -> None:
    told = expected_wait_s(2.0, queue_pages=queue, pages_in_work=in_work, pages_at_once=at_once)
    assert told == pytest.approx(wait_s)


@pytest.mark.parametrize(("pages", "at_once", "read_s"), [(1, 8, 2.0), (8, 8, 2.0), (9, 8, 4.0)])
def test_pages_are_read_side_by_side(pages: int, at_once: int, read_s: float) -> None:
    assert expected_read_s(2.0, pages, pages_at_once=at_once) == pytest.approx(read_s)
