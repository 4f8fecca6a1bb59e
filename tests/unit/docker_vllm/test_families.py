"""What the container of vLLM knows of families is what the gateway knows of them."""

import math

import pytest
import yaml

from maoocr.vllm.families import FAMILIES as GATEWAYS
from maoocr.vllm.families.base import Family
from maoocr_vllm.families import FAMILIES, family_named, family_of
from tests.house.checkout import ROOT

PIXELS_A_TOKEN = {"qwen3-vl": 32 * 32, "hunyuan-ocr": 32 * 32, "chandra": 32 * 32}
"""Of other families 28 x 28, or more."""
PROMPT_TOKENS = 1_000


def most_tokens(family: Family) -> int:
    """Of one request: its largest picture, its words and its longest answer."""
    found = []
    for task in family.tasks.values():
        scaling = task.scaling or family.scaling
        pixels = math.prod(scaling.fixed) if scaling.fixed else scaling.max_pixels
        if scaling.longest_side:
            pixels = min(pixels, scaling.longest_side**2)
        picture = pixels // PIXELS_A_TOKEN.get(family.name, 28 * 28)
        found.append(picture + PROMPT_TOKENS + (task.max_tokens or family.max_tokens))
    return max(found)


def test_they_are_the_gateways_in_its_order_with_its_patterns() -> None:
    assert [(f.name, f.models) for f in FAMILIES] == [(f.name, f.models) for f in GATEWAYS]


@pytest.mark.parametrize("family", GATEWAYS, ids=lambda f: f.name)
def test_the_context_holds_what_the_gateway_asks_for(family: Family) -> None:
    told = family_named(family.name)
    assert told is not None
    assert told.context == "auto" or int(told.context) >= most_tokens(family)


def test_every_model_of_the_manifest_has_the_family_that_it_is_listed_with() -> None:
    models = yaml.safe_load((ROOT / "configs/models.yaml").read_text())["models"]
    listed = {name: model["family"] for name, model in models.items() if "family" in model}
    assert len(listed) > 10
    assert {name: family_of(name).name for name in listed} == listed


def test_an_unknown_model_is_of_the_generic_family() -> None:
    assert family_of("somebody/something").name == "generic"
    assert family_named("something") is None


def test_only_one_family_runs_code_that_comes_with_weights() -> None:
    trusted = [f.name for f in FAMILIES if "--trust-remote-code" in f.flags]
    page = (ROOT / "docs/vlm.md").read_text()
    assert trusted == ["dots-ocr"]
    assert "`dots-ocr` alone runs code that comes with the weights" in page


@pytest.mark.parametrize("family", GATEWAYS, ids=lambda f: f.name)
def test_a_family_that_sends_arguments_to_a_processor_of_logits_gets_one(family: Family) -> None:
    """But MinerU2.5's, which no image has; docs/vlm.md says so."""
    asked = [family.extra, *(prompt.extra for prompt in family.tasks.values())]
    wants = any("vllm_xargs" in extra for extra in asked)
    told = family_named(family.name)
    assert told is not None
    assert ("--logits-processors" in told.flags) == (wants and family.name != "mineru")
