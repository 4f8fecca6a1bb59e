"""Requests made from the OpenAPI document: no 5xx, and no answer that it does not describe."""

from typing import Any, cast

import hypothesis
import pytest
import schemathesis
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .conftest import Server

pytestmark = pytest.mark.integration

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_answers_are_as_the_document_says(
    server: Server, mode: schemathesis.GenerationMode
) -> None:
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    tested = 0
    for found in schema.get_all_operations():
        operation = cast(Ok[Any], found).ok()
        strategy = operation.as_strategy(generation_mode=mode)

        @hypothesis.settings(
            max_examples=40,
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=strategy)
        def check(case: schemathesis.Case[Any]) -> None:
            answer = case.call()
            case.validate_response(answer, checks=CHECKS)

        try:
            check()
        except hypothesis.errors.Unsatisfiable:
            # Nothing about an operation without parameters can be wrong.
            assert mode is schemathesis.GenerationMode.NEGATIVE
        tested += 1
    assert tested >= 8
