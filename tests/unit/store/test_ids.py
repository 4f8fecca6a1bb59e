from datetime import UTC, datetime, timedelta

from maoocr.store.ids import new_id

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_ids_sort_by_time() -> None:
    ids = [new_id(START + timedelta(milliseconds=number)) for number in range(100)]
    assert ids == sorted(ids)
    assert {len(each) for each in ids} == {26}


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id(START) for _ in range(1000)}) == 1000
