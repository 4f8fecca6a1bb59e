from datetime import UTC, datetime

import pytest

from maoocr.store.history_row import HistoryItem, packed

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("size", [0, 10, 1000, 1100, 100_000])
def test_an_answer_comes_back_as_it_was(size: int) -> None:
    answer = b'{"text":"' + b"x" * size + b'"}'
    assert HistoryItem.unpacked("id", MOMENT, packed(answer)).answer == answer


def test_a_long_answer_takes_less_room() -> None:
    assert len(packed(b'{"text":"' + b"x" * 10_000 + b'"}')) < 200
