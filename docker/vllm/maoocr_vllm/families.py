"""What vLLM has to be told for each family of models, and which family a model belongs to.

Names and patterns are those of `maoocr.vllm.families`, which is not in this image; a test holds
them together. The flags are those of the vLLM recipes (8959cf6, 2026-08-21) and of the models' own
repositories, as far as vLLM 0.32 needs them. What an operator should know of them: docs/vlm.md.
"""

import re
from dataclasses import dataclass

__all__ = ["FAMILIES", "Family", "family_named", "family_of"]

_NGRAM = "vllm.model_executor.models.{}:NGramPerReqLogitsProcessor"


@dataclass(frozen=True, slots=True)
class Family:
    """How the models of a family are served.

    Attributes:
        name: as in `VLLM_FAMILY`.
        models: regular expressions; the first family with one that is found in a model's name
            (lower case) is its family.
        context: tokens of prompt and answer together: the largest picture and the longest answer
            that the gateway asks for; `auto` is what the model has, or the device has room for.
        flags: of `vllm serve`.
        shared_flags: further ones with more than one GPU.
    """

    name: str
    models: tuple[str, ...]
    context: str
    flags: tuple[str, ...] = ()
    shared_flags: tuple[str, ...] = ()


_SPLIT_PICTURES = ("--mm-encoder-tp-mode", "data")
FAMILIES: tuple[Family, ...] = (
    # Its recipe trusts the repository's code, from the time before transformers knew the model.
    Family(
        "paddleocr-vl",
        (r"paddleocr[-_ ]?vl",),
        "16384",
        ("--max-num-batched-tokens", "16384"),
    ),
    Family(
        "deepseek-ocr",
        (r"deepseek[-_ ]?ocr",),
        "auto",
        ("--logits-processors", _NGRAM.format("deepseek_ocr")),
    ),
    Family(
        "unlimited-ocr",
        (r"unlimited[-_ ]?ocr",),
        "auto",
        ("--logits-processors", _NGRAM.format("unlimited_ocr")),
    ),
    # vLLM takes its configuration and its processor from the code beside the weights.
    Family(
        "dots-ocr",
        (r"dots[._-]?m?ocr",),
        "32768",
        ("--trust-remote-code", "--chat-template-content-format", "string"),
    ),
    # Its own logits processor is a package that the image does not have, and which asks for vLLM
    # below 0.29: without it `no_repeat_ngram_size` is not heeded.
    Family("mineru", (r"mineru",), "16384"),
    Family("olmocr", (r"olmocr",), "16384"),
    Family("glm-ocr", (r"glm[-_ ]?ocr",), "16384"),
    Family("hunyuan-ocr", (r"hunyuan[-_ ]?ocr", r"hy[-_]ocr"), "16384"),
    Family("lighton-ocr-3", (r"lighton[-_ ]?ocr[-_ ]?3",), "16384"),
    Family("lighton-ocr", (r"lighton[-_ ]?ocr",), "16384"),
    Family("chandra", (r"chandra",), "32768"),
    Family("monkey-ocr", (r"monkey[-_ ]?ocr",), "8192"),
    Family("nanonets-ocr", (r"nanonets[-_ ]?ocr",), "32768"),
    Family(
        "qwen2.5-vl",
        (r"qwen[-_ ]?2(?:\.5|[-_]5)?[-_ ]?vl",),
        "16384",
        shared_flags=_SPLIT_PICTURES,
    ),
    Family(
        "qwen3-vl",
        (r"qwen[-_ ]?3(?:\.\d)?[-_ ]?vl", r"qwen[-_ ]?vl"),
        "16384",
        shared_flags=_SPLIT_PICTURES,
    ),
    Family("generic", (), "auto"),
)
"""In the order in which a model's name is tried."""


def family_named(name: str) -> Family | None:
    """The family of that name; None where there is none."""
    return next((family for family in FAMILIES if family.name == name), None)


def family_of(model: str) -> Family:
    """The family of the model of that name, else the generic one."""
    name = model.lower()
    for family in FAMILIES:
        if any(re.search(pattern, name) for pattern in family.models):
            return family
    return FAMILIES[-1]
