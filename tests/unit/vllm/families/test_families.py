"""Which family a model is of, and that its data make sense."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maoocr.errors import InvalidRequest
from maoocr.vllm.families import FAMILIES, Family, Scaling, family_named, family_of

NAMES = {
    "PaddlePaddle/PaddleOCR-VL-1.5": "paddleocr-vl",
    "PaddleOCR-VL-1.6-0.9B": "paddleocr-vl",
    "deepseek-ai/DeepSeek-OCR": "deepseek-ocr",
    "deepseek-ai/DeepSeek-OCR-2": "deepseek-ocr",
    "baidu/Unlimited-OCR": "unlimited-ocr",
    "rednote-hilab/dots.ocr": "dots-ocr",
    "rednote-hilab/dots.mocr": "dots-ocr",
    "/models/dots_ocr": "dots-ocr",
    "opendatalab/MinerU2.5-2509-1.2B": "mineru",
    "allenai/olmOCR-2-7B-1025-FP8": "olmocr",
    "richardyoung/olmocr-2-qwen2.5-vl": "olmocr",
    "zai-org/GLM-OCR": "glm-ocr",
    "tencent/HunyuanOCR": "hunyuan-ocr",
    "lightonai/LightOnOCR-1B-1025": "lighton-ocr",
    "lightonai/LightOnOCR-2-1B": "lighton-ocr",
    "lightonai/LightOnOCR-3-1B": "lighton-ocr-3",
    "datalab-to/chandra": "chandra",
    "echo840/MonkeyOCR": "monkey-ocr",
    "nanonets/Nanonets-OCR2-3B": "nanonets-ocr",
    "Qwen/Qwen2.5-VL-7B-Instruct": "qwen2.5-vl",
    "Qwen/Qwen3-VL-8B-Instruct": "qwen3-vl",
    "qwen-vl-max": "qwen3-vl",
    "gpt-4o": "generic",
    "": "generic",
}


@pytest.mark.parametrize(("model", "family"), NAMES.items())
def test_a_models_name_tells_its_family(model: str, family: str) -> None:
    assert family_of(model).name == family
    assert family_named("auto", model).name == family


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_familys_own_name_is_told(family: Family) -> None:
    assert family_of(family.name) is family
    assert family_named(family.name, "gpt-4o") is family


@pytest.mark.parametrize(
    ("model", "spots"),
    [
        ("PaddlePaddle/PaddleOCR-VL", False),
        ("PaddleOCR-VL-0.9B", False),
        ("PaddlePaddle/PaddleOCR-VL-1.5", True),
        ("paddleocr-vl-1.6", True),
        ("PaddleOCR-VL-1.6-0.9B", True),
        ("somebody-s-name-for-it", False),
    ],
)
def test_which_paddleocr_vl_tells_places_is_told_by_its_name(model: str, spots: bool) -> None:
    assert family_named("paddleocr-vl", model).spots(model) == spots


def test_an_unknown_family_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match=r"no family 'nonsense'.*chandra.*qwen3-vl"):
        family_named("nonsense", "")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_data_of_a_family_fit_each_other(family: Family) -> None:
    assert family.tasks
    assert family.reads_pages == ("page" in family.tasks)
    assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", family.name)
    assert family.temperatures
    assert list(family.temperatures) == sorted(family.temperatures)
    assert family.temperatures[0] == family.sampling.temperature
    assert family.max_tokens <= 16384


@given(
    st.sampled_from(FAMILIES),
    st.integers(1, 20_000),
    st.integers(1, 20_000),
    st.sampled_from([1.0, 0.75, 0.5]),
)
def test_a_picture_is_sent_within_the_limits(
    family: Family, width: int, height: int, shrink: float
) -> None:
    for prompt in family.tasks.values():
        scaling = prompt.scaling or family.scaling
        sent = scaling.size_of(width, height, shrink=shrink)
        assert all(side >= 1 and side % scaling.multiple == 0 for side in sent)
        is_thin = max(width, height) > 100 * min(width, height)
        if scaling.fixed is None and not is_thin:
            assert math.prod(sent) <= scaling.max_pixels
            assert not scaling.longest_side or max(sent) <= scaling.longest_side


@given(st.integers(200, 5000), st.integers(200, 5000))
def test_the_proportions_are_kept_to_a_multiple(width: int, height: int) -> None:
    scaling = Scaling(max_pixels=3_211_264, multiple=28)
    sent = scaling.size_of(width, height)
    scale = min(1.0, math.sqrt(scaling.max_pixels / (width * height)))
    assert abs(sent[0] - width * scale) <= 28
    assert abs(sent[1] - height * scale) <= 28


def test_a_small_picture_is_enlarged() -> None:
    assert Scaling(min_pixels=112_896, multiple=28).size_of(100, 50) == (476, 252)


def test_a_fixed_size_takes_no_account_of_the_picture() -> None:
    assert Scaling(fixed=(1036, 1036)).size_of(100, 5000) == (1036, 1036)
