import pytest

from maoocr.domain import Requirements
from maoocr.errors import InvalidRequest
from maoocr.service.requirements import parse_requirements


def test_what_clients_in_the_field_send_is_understood() -> None:
    given = {
        "document_type": "auto",
        "language": "auto",
        "accuracy_requirement": "high",
        "speed_requirement": "medium",
        "real_time": False,
        "batch_processing": False,
    }
    assert parse_requirements(given) == Requirements(accuracy_requirement="high")


def test_our_own_requirements_are_understood() -> None:
    given = {"privacy": "local", "max_seconds": 2, "max_cost": 0.5, "min_confidence": 0.9}
    assert parse_requirements(given | {"language": "Chinese"}) == Requirements(
        language="zh", privacy="local", max_seconds=2.0, max_cost=0.5, min_confidence=0.9
    )


def test_null_is_the_default() -> None:
    assert parse_requirements({"max_seconds": None}) == Requirements()


@pytest.mark.parametrize(
    ("given", "listed"),
    [
        ({"document_type": "letter"}, "auto, simple_text, complex_layout"),
        ({"accuracy_requirement": 3}, "low, medium, high"),
        ({"privacy": "none"}, "local, any"),
        ({"colour": "red"}, "document_type, language"),
        ({"language": "klingon"}, "chinese"),
        ({"real_time": "false"}, "true or false"),
        ({"max_seconds": float("nan")}, "a number from 0"),
        ({"max_seconds": -1}, "a number from 0"),
        ({"min_confidence": 1.5}, "to 1"),
        ({"max_cost": True}, "a number"),
    ],
)
def test_an_unknown_value_lists_the_known_ones(given: dict[str, object], listed: str) -> None:
    with pytest.raises(InvalidRequest, match=listed):
        parse_requirements(given)
