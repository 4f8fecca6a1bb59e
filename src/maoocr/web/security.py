"""What OpenAPI says of keys: how they are sent, which scope each path needs, how it refuses."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from ..errors import (
    BadInput,
    Forbidden,
    MaoOCRError,
    QuotaExceeded,
    RateLimited,
    StoreUnavailable,
    Unauthorized,
)
from .rules import Rule, rule_of

__all__ = ["install"]

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_REFUSALS: tuple[type[MaoOCRError], ...] = (
    BadInput,
    Unauthorized,
    Forbidden,
    RateLimited,
    StoreUnavailable,
)
_PROBLEM = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def install(app: FastAPI) -> None:
    """Add it to the document of the app."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _add(plain())
        return plain()

    app.openapi = openapi  # type: ignore[method-assign]


def _add(document: dict[str, Any]) -> None:
    document.setdefault("components", {})["securitySchemes"] = _SCHEMES
    for path, methods in document["paths"].items():
        rule = rule_of(path)
        if rule is None or rule.need == "nothing":
            continue
        for operation in methods.values():
            _guard(operation, rule)


def _guard(operation: dict[str, Any], rule: Rule) -> None:
    scopes = [rule.scope] if rule.scope else []
    operation["security"] = [{name: scopes} for name in _SCHEMES]
    refusals = (*_REFUSALS, QuotaExceeded) if rule.reads else _REFUSALS
    responses: dict[str, Any] = operation["responses"]
    for refusal in refusals:
        _document(responses, refusal)
    operation["responses"] = dict(sorted(responses.items()))


def _document(responses: dict[str, Any], kind: type[MaoOCRError]) -> None:
    known: Mapping[str, Any] | None = responses.get(str(kind.status))
    if known is None:
        responses[str(kind.status)] = {
            "description": f"Error: {kind.code}",
            "content": _PROBLEM,
        }
    elif kind.code not in known["description"]:
        responses[str(kind.status)] = {
            **known,
            "description": f"{known['description']}, {kind.code}",
        }
