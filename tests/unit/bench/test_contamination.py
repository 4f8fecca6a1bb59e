import random

import pytest

from bench.contamination import judge
from bench.pictures import random_token


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("1234 5678 9012 3456", "own"),
        ("12345678\n90123456", "own"),
        ("1234 5678 9012 3450", "misread"),
        ("1234 5678 9012", "misread"),
        ("1234 5678", "wrong"),
        ("", "wrong"),
        ("9182 7364 5546 3728", "wrong"),
    ],
)
def test_a_text_is_its_own_nearly_its_own_or_anothers(text: str, verdict: str) -> None:
    assert judge("1234 5678 9012 3456", text) == verdict


def test_another_token_is_never_taken_for_a_misreading() -> None:
    source = random.Random(1)
    tokens = [random_token(source) for _ in range(300)]
    assert all(judge(a, b) == "wrong" for a in tokens for b in tokens if a != b)
