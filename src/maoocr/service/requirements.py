"""What a caller says he needs, from a JSON object to a frozen value."""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from ..domain import (
    AccuracyRequirement,
    DocumentType,
    Privacy,
    Requirements,
    SpeedRequirement,
)
from ..errors import InvalidRequest
from .languages import parse_language

__all__ = ["CHOICES", "FLAGS", "NUMBERS", "parse_requirements"]

CHOICES: dict[str, tuple[str, ...]] = {
    "document_type": get_args(DocumentType),
    "accuracy_requirement": get_args(AccuracyRequirement),
    "speed_requirement": get_args(SpeedRequirement),
    "privacy": get_args(Privacy),
}
FLAGS = ("real_time", "batch_processing")
NUMBERS: dict[str, tuple[float, float]] = {
    "max_seconds": (0.0, 86_400.0),
    "max_cost": (0.0, 1e9),
    "min_confidence": (0.0, 1.0),
}
"""Least and greatest value of each number, both included."""


def parse_requirements(given: Mapping[str, Any]) -> Requirements:
    """The requirements that a JSON object tells.

    Raises:
        InvalidRequest: a name or a value is unknown; the message lists the known ones.
    """
    known = [field.name for field in fields(Requirements)]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InvalidRequest(
            f"requirements: {str(unknown[0])[:40]!r} is not known. Known are {', '.join(known)}."
        )
    values = {name: _value(name, value) for name, value in given.items() if value is not None}
    return Requirements(**values)


def _value(name: str, value: object) -> Any:
    if name in CHOICES:
        if isinstance(value, str) and value in CHOICES[name]:
            return value
        raise InvalidRequest(
            f"requirements.{name}: {value!r:.60} is not known. Known are"
            f" {', '.join(CHOICES[name])}."
        )
    if name in FLAGS:
        if isinstance(value, bool):
            return value
        raise InvalidRequest(f"requirements.{name}: true or false is expected, not {value!r:.60}.")
    if name in NUMBERS:
        return _number(name, value)
    if not isinstance(value, str):
        raise InvalidRequest(f"requirements.{name}: a text is expected, not {value!r:.60}.")
    return parse_language(value)


def _number(name: str, value: object) -> float:
    least, greatest = NUMBERS[name]
    if (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and least <= value <= greatest
    ):
        return float(value)
    raise InvalidRequest(
        f"requirements.{name}: a number from {least:g} to {greatest:g} is expected,"
        f" not {value!r:.60}."
    )
