"""Makes a checkpoint of PaddleOCR-VL's architecture that recites.

`python tests/vllm_checkpoint.py FOLDER` runs in vLLM's own environment, without a network.

The weights are set by hand: each token's embedding is a unit vector, attention and feed-forward
layers add nothing, and the head holds for each token the one that follows it. The chat template
ends with a token of the task that the prompt asks for, from which the script of the task is
recited, token by token, up to the end of text or round and round.

Piece by piece a script is a chain of tokens, so that no piece may occur twice. Pictures go through
a small vision tower with random weights, and change nothing.
"""

import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

SCRIPTS = {
    "OCR:": "# Invoice 2026-11873\n\nThe quick brown fox jumps over the lazy dog.\n\n"
    "Total: 1,234.56 EUR",
    "Table Recognition:": "<fcel>Item<fcel>Price<nl><fcel>Tea<fcel>3.50<nl>",
    "Formula Recognition:": "\\[ E = mc^2 \\]",
}
"""What is recited, by prompt; any other prompt gets the first."""
ENDLESS = {"Chart Recognition:": "round and then further on, "}
"""What is recited again and again."""

_SPECIAL = ("<unk>", "<s>", "</s>", "<|begin_of_sentence|>", "<|end_of_sentence|>")
_IMAGE = ("<|IMAGE_PLACEHOLDER|>", "<|video_pad|>", "<|IMAGE_START|>", "<|IMAGE_END|>")
_END = 2
_HIDDEN = 512
_ROPE = {"rope_type": "default", "rope_theta": 500000.0, "mrope_section": [4, 6, 6]}
_CONTENT = """\
{%- macro words(content) -%}
{%- if content is string -%}{{ content }}{%- else -%}
{%- for part in content -%}{%- if part.type == 'text' -%}{{ part.text }}{%- endif -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
<|begin_of_sentence|>{%- set asked = namespace(words='') -%}
{%- for message in messages -%}{%- if message.role == 'user' -%}
{{- 'User: ' -}}
{%- if message.content is not string -%}{%- for part in message.content -%}
{%- if part.type == 'image' -%}<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>{%- endif -%}
{%- endfor -%}{%- endif -%}
{%- set asked.words = words(message.content) -%}{{ asked.words }}
{%- endif -%}{%- endfor -%}
{{- '\\nAssistant:' -}}
"""


def pieces_of(script: str) -> list[str]:
    """The tokens of a script: words with the space after them, and tags."""
    return re.findall(r"(?:<\w+>)+[^\s<]*\s*|[^\s<]+\s*|\s+", script)


def task_token(number: int) -> str:
    return f"<|task_{number}|>"


def make(folder: Path) -> None:
    """Write the checkpoint."""
    tasks = {**SCRIPTS, **ENDLESS}
    folder.mkdir(parents=True, exist_ok=True)
    tokens = _write_tokenizer(folder, [p for text in tasks.values() for p in pieces_of(text)])
    _write_template(folder, list(tasks))
    _write_processor(folder)
    chains = []
    for number, (prompt, text) in enumerate(tasks.items()):
        said = [tokens[piece] for piece in pieces_of(text)]
        after = said[0] if prompt in ENDLESS else _END
        chains.append([tokens[task_token(number)], *said, after])
    _write_model(folder, tokens, chains)


def _write_tokenizer(folder: Path, pieces: list[str]) -> dict[str, int]:
    """One token for each byte and each piece; merges there are none."""
    from tokenizers import (  # type: ignore[import-not-found, unused-ignore]
        AddedToken,
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
    )
    from transformers import PreTrainedTokenizerFast  # type: ignore[import-not-found, unused-ignore]

    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    written = [bytewise.pre_tokenize_str(piece)[0][0] for piece in pieces]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = [*_SPECIAL, *_IMAGE, *alphabet, *written]
    if len(set(names)) != len(names):
        raise SystemExit(f"Some piece occurs twice among {pieces}.")
    vocabulary = {name: number for number, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in _SPECIAL + _IMAGE])
    tasks = [task_token(number) for number in range(len(SCRIPTS) + len(ENDLESS))]
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in tasks])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<unk>",
        cls_token="<|begin_of_sentence|>",
        extra_special_tokens={"image_token": "<|IMAGE_PLACEHOLDER|>"},
    )
    fast.save_pretrained(folder)
    plain = dict(zip(pieces, (vocabulary[name] for name in written), strict=True))
    return plain | {name: fast.convert_tokens_to_ids(name) for name in (*_IMAGE, *tasks)}


def _write_template(folder: Path, prompts: list[str]) -> None:
    choice = "".join(
        f"{{%- {'if' if number == 1 else 'elif'} asked.words == {prompts[number]!r} -%}}"
        f"{task_token(number)}"
        for number in range(1, len(prompts))
    )
    template = f"{_CONTENT}{choice}{{%- else -%}}{task_token(0)}{{%- endif -%}}"
    (folder / "chat_template.jinja").write_text(template)


def _write_processor(folder: Path) -> None:
    side = 28
    picture: dict[str, Any] = {
        "image_processor_type": "PaddleOCRVLImageProcessor",
        "processor_class": "PaddleOCRVLProcessor",
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "size": {"shortest_edge": side * side * 4, "longest_edge": side * side * 256},
        "merge_size": 2,
        "patch_size": 14,
        "temporal_patch_size": 1,
        "resample": 3,
        "rescale_factor": 1 / 255,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(picture))
    whole = {"processor_class": "PaddleOCRVLProcessor"}
    (folder / "processor_config.json").write_text(json.dumps(whole))


def _write_model(folder: Path, tokens: dict[str, int], chains: list[list[int]]) -> None:
    import torch  # type: ignore[import-not-found, unused-ignore]
    from transformers import PaddleOCRVLConfig, PaddleOCRVLForConditionalGeneration

    size = max(tokens.values()) + 1
    assert size <= _HIDDEN, "each token needs a direction of its own"
    text = {
        "vocab_size": size,
        "hidden_size": _HIDDEN,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": 8192,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": _END,
        "tie_word_embeddings": False,
        "rope_parameters": _ROPE,
    }
    vision = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "patch_size": 14,
        "image_size": 384,
        "spatial_merge_size": 2,
    }
    config = PaddleOCRVLConfig(
        text_config=text,
        vision_config=vision,
        tie_word_embeddings=False,
        image_token_id=tokens["<|IMAGE_PLACEHOLDER|>"],
        video_token_id=tokens["<|video_pad|>"],
        vision_start_token_id=tokens["<|IMAGE_START|>"],
        vision_end_token_id=tokens["<|IMAGE_END|>"],
    )
    torch.manual_seed(0)
    model = PaddleOCRVLForConditionalGeneration(config).eval()
    weights = model.state_dict()
    for name, weight in weights.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")) and "visual" not in name:
            weight.zero_()
        elif name.endswith("embed_tokens.weight"):
            weight.copy_(torch.eye(size, _HIDDEN))
        elif name.endswith("lm_head.weight"):
            weight.zero_()
            for chain in chains:
                for before, after in pairwise(chain):
                    weight[after, before] = 10.0
    model.load_state_dict(weights)
    model.save_pretrained(folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
