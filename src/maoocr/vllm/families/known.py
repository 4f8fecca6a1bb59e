"""All families, and which one a model belongs to."""

import re

from ...errors import InvalidRequest
from .base import Family
from .chandra import CHANDRA
from .deepseek_ocr import DEEPSEEK_OCR, UNLIMITED_OCR
from .dots_ocr import DOTS_OCR
from .glm_ocr import GLM_OCR
from .hunyuan_ocr import HUNYUAN_OCR
from .lighton_ocr import LIGHTON_OCR, LIGHTON_OCR_3
from .markdown_pages import GENERIC, MONKEY_OCR, NANONETS_OCR
from .mineru import MINERU
from .olmocr import OLMOCR
from .paddleocr_vl import PADDLEOCR_VL
from .qwen_vl import QWEN2_5_VL, QWEN3_VL

__all__ = ["FAMILIES", "family_named", "family_of"]

FAMILIES: tuple[Family, ...] = (
    PADDLEOCR_VL,
    DEEPSEEK_OCR,
    UNLIMITED_OCR,
    DOTS_OCR,
    MINERU,
    OLMOCR,
    GLM_OCR,
    HUNYUAN_OCR,
    LIGHTON_OCR_3,
    LIGHTON_OCR,
    CHANDRA,
    MONKEY_OCR,
    NANONETS_OCR,
    QWEN2_5_VL,
    QWEN3_VL,
    GENERIC,
)
"""In the order in which a model's name is tried: those built on Qwen-VL before it."""

_BY_NAME = {family.name: family for family in FAMILIES}


def family_of(name: str) -> Family:
    """The family of that name, else the one of the model of that name or path, else `generic`."""
    if found := _BY_NAME.get(name):
        return found
    model = name.lower()[-300:]
    return next(
        (
            family
            for family in FAMILIES
            if any(re.search(pattern, model) for pattern in family.models)
        ),
        GENERIC,
    )


def family_named(name: str, model: str) -> Family:
    """The family that an endpoint is configured with.

    Args:
        name: of a family, or `auto` to tell it from the model.
        model: under which the server knows it.

    Raises:
        InvalidRequest: there is no family of that name; the message names those that are.
    """
    if name == "auto":
        return family_of(model)
    if name not in _BY_NAME:
        known = ", ".join(sorted(_BY_NAME))
        raise InvalidRequest(f"There is no family {name!r} of models: auto, {known}.")
    return _BY_NAME[name]
