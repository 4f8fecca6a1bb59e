"""`.env.example` tells every variable of a deployment with Docker, with the default that it has."""

import pytest

from scripts.reference.deployment import GROUPS, Variable, found_defaults, variables
from scripts.reference.settings import env_example, leaves

SETTINGS = {leaf.name: leaf.default for leaf in leaves()}
FOUND = {name: defaults for name, defaults in found_defaults().items() if name not in SETTINGS}
FILES_THAT_WE_CHOOSE = {"COMPOSE_FILE"}
STANDS_FOR_ANOTHER = {"VLLM_SERVED_NAME"}
"""Empty for vLLM, which takes its model's name then; the gateway is told that name."""


def test_every_variable_that_is_used_is_told_and_no_other() -> None:
    told = [name for names in GROUPS.values() for name in names]
    assert len(told) == len(set(told))
    assert set(told) == set(FOUND) - FILES_THAT_WE_CHOOSE


@pytest.mark.parametrize("name", sorted(set(FOUND) - STANDS_FOR_ANOTHER))
def test_a_variable_has_one_default_wherever_it_is_used(name: str) -> None:
    assert len(FOUND[name]) == 1


@pytest.mark.parametrize("variable", list(variables()), ids=lambda variable: variable.name)
def test_each_says_what_it_does(variable: Variable) -> None:
    assert variable.description.endswith(".")


def test_a_setting_of_the_gateway_that_compose_names_keeps_its_default() -> None:
    given = {name: min(found_defaults()[name]) for name in found_defaults() if name in SETTINGS}
    differs = {"MAOOCR_VLM__MODEL"}
    wrong = {
        name: default
        for name, default in given.items()
        if name not in differs and default not in ("", SETTINGS[name])
    }
    assert wrong == {}


def test_env_example_has_them() -> None:
    example = env_example()
    assert "\n#HTTPS_PORT=443\n" in example
    assert "\n#GATEWAY_IMAGE=maoocr/gateway:latest\n" in example
