"""The table of rules: it knows every route, and nothing slips past it."""

import re

import pytest

from maoocr.bootstrap import create_app
from maoocr.settings import Settings
from maoocr.web.rules import RULES, rule_of
from scripts.reference.routes import route_names

APP = create_app(Settings(_env_file=None))
DOCUMENTED = [
    f"{method.upper()} {path}"
    for path, methods in APP.openapi()["paths"].items()
    for method in methods
]


@pytest.mark.parametrize("name", route_names(APP))
def test_every_route_has_a_rule(name: str) -> None:
    path = name.split(" ")[1]
    rule = rule_of(path)
    assert rule is not None, f"{name} needs a line in web/rules.py"
    assert shape(rule.path) == shape(path), f"{name} falls under the rule of {rule.path}"


def shape(path: str) -> str:
    return re.sub(r"\{\w+", "{", path)


def test_every_documented_path_is_a_route() -> None:
    # OpenAPI does not say whether slashes may follow.
    assert set(DOCUMENTED) <= {name.replace(":path}", "}") for name in route_names(APP)}


def test_a_rule_is_found_by_the_path_that_it_names() -> None:
    for rule in RULES:
        assert rule_of(re.sub(r"\{\w+(:path)?\}", "x", rule.path)) is rule


@pytest.mark.parametrize(
    "path",
    [
        "",
        "//",
        "/API/keys",
        "/api/keys/",
        "/api/keys//",
        "/api//keys",
        "/api/keys/a/b",
        "/api/ocr/recognize\n",
        "/livez/",
        "/docs/../api/keys",
        "/statics/x",
        "/v1",
        "/v1/",
        "/v1/../metrics",
        "//v1/models",
        "/v1/chat/completions/",
        "/v1/load_lora_adapter",
    ],
)
def test_no_other_spelling_has_a_rule(path: str) -> None:
    assert rule_of(path) is None


@pytest.mark.parametrize("operation", DOCUMENTED)
def test_the_document_tells_how_each_path_is_guarded(operation: str) -> None:
    method, path = operation.split(" ")
    told = APP.openapi()["paths"][path][method.lower()]
    rule = rule_of(path)
    assert rule is not None
    if rule.need == "nothing":
        assert "security" not in told
    else:
        scopes = [rule.scope] if rule.scope else []
        assert told["security"] == [{"bearer": scopes}, {"header": scopes}]
        assert {"401", "403", "429", "503"} <= set(told["responses"])
