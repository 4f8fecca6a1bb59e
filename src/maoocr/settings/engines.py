"""The engines of this machine, and models behind servers."""

from typing import Annotated, Literal

from pydantic import Field

from .part import Part

__all__ = ["ModelSettings", "PaddleSettings", "PpocrSettings", "VlmSettings"]


class PpocrSettings(Part):
    """The PP-OCR engine."""

    tier: Literal["tiny", "small", "medium", "server"] = "small"
    """Model size; `small` ships in a package, the others come with `maoocr models pull`."""

    precision: Literal["auto", "f32", "bf16"] = "auto"
    """Arithmetic of the models; `auto` takes bf16 where the processor has it."""

    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """`cpu`, `cuda` or `cuda:N`; `auto` takes a CUDA device where ONNX Runtime offers one."""

    batch_pages: Annotated[int, Field(ge=1, le=256)] = 8
    """Pages of one batch on a CUDA device."""


class PaddleSettings(Part):
    """The PaddleOCR engine; `scripts/install --paddle` installs what it needs."""

    lanes: Annotated[int, Field(ge=0, le=256)] = 1
    """Processes that read with it beside the default engine; 0 takes as many as that one has."""

    runtime: Literal["auto", "onnxruntime", "paddle"] = "auto"
    """What runs the models; `auto` takes ONNX Runtime where the folders hold ONNX files."""

    detection: Annotated[str, Field(pattern=r"^(auto|\w*PP-OCRv[\w.-]+)$")] = "auto"
    """Folder of the text detector below `paddle` in the models' folder; `auto` takes the best there
    is."""

    recognition: Annotated[str, Field(pattern=r"^(auto|\w*PP-OCRv[\w.-]+)$")] = "auto"
    """Folder of the text recognizer, which decides on the languages, likewise."""

    max_side_px: Annotated[int, Field(ge=320, le=4000)] = 1280
    """Longest side, in pixels, at which text is looked for; more finds smaller text, and takes
    time and memory with its square."""

    textline_orientation: bool = True
    """Turn lines that stand on their heads, where the model for it is there."""

    page_orientation: bool = True
    """Turn pages that lie or stand on their heads, where the model for it is there."""

    unwarping: bool = True
    """Flatten photographs of bent pages, where the model for it is there; the lines of such pages
    have no polygons of their own."""

    structure: bool = True
    """Find blocks, tables and formulas with PP-StructureV3, where its models are there."""


class ModelSettings(Part):
    """Where `maoocr models pull` fetches the weights of vision-language models."""

    hub_url: str = Field(default="https://huggingface.co", pattern=r"^https?://\S+$")
    """Model hub, or a mirror of it that speaks the same protocol."""

    parallel: Annotated[int, Field(ge=1, le=32)] = 4
    """Files of one model that are fetched at once."""


class VlmSettings(Part):
    """A model behind an OpenAI-compatible server; `MAOOCR_ENGINES_FILE` may name more of them."""

    url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """Base of its API, such as `http://vllm:8000`; empty for none."""

    model: str = ""
    """Name under which the server knows the model."""

    family: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")] = "auto"
    """Prompt and parser of the model; `auto` tells it from the model's name."""

    api_key: str = Field(default="", pattern=r"^[!-~]*$", repr=False)
    """Key that the server asks for; empty for none."""

    engine: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")] = "vlm"
    """Name of the engine, in answers and as `engine` of a request."""

    privacy: Literal["local", "remote"] = "local"
    """`remote` where pages leave this site: requests that must stay local never go there."""

    concurrency: Annotated[int, Field(ge=1, le=1024)] = 8
    """Calls at once."""

    connect_seconds: Annotated[float, Field(gt=0)] = 3.0
    """Seconds that connecting may take; like the next three also the default of the file."""

    first_token_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Seconds from a request to the first piece of its answer."""

    idle_seconds: Annotated[float, Field(gt=0)] = 15.0
    """Seconds of silence after which an answer that has begun is given up."""

    total_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Seconds that one call may take in all."""

    breaker_failures: Annotated[int, Field(ge=1, le=1000)] = 3
    """Failures within the window after which an endpoint is left alone for a while."""

    breaker_window_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Seconds for which a failure counts."""

    breaker_cooldown_seconds: Annotated[float, Field(gt=0)] = 5.0
    """Seconds before an endpoint that was left alone is tried again; doubles up to 12 times."""

    probe_seconds: Annotated[float, Field(gt=0)] = 5.0
    """Seconds between two looks at an endpoint's health."""

    sleep_after_seconds: Annotated[float, Field(ge=0)] = 0.0
    """Seconds without a call after which a local vLLM is put to sleep, and woken when it is needed;
    0 never. It has to run with `--enable-sleep-mode` and `VLLM_SERVER_DEV_MODE=1`."""

    wake_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Seconds that waking may take."""

    v1_privacy: Literal["local", "any"] = "local"
    """Whether calls of `/v1` may leave this site where they do not say so themselves, by the header
    `X-MaoOCR-Privacy`."""

    v1_max_tokens: Annotated[int, Field(ge=1)] = 8192
    """Most tokens of an answer that a call of `/v1` may ask for."""

    v1_max_choices: Annotated[int, Field(ge=1, le=128)] = 4
    """Most answers that a call of `/v1` may ask for (`n`)."""

    v1_parameters: Annotated[str, Field(pattern=r"^\w*( *, *\w+)*$")] = ""
    """Parameters of calls of `/v1` that are passed on beside those of OpenAI, with commas between;
    of vLLM's some change what other callers get."""

    v1_share: Annotated[float, Field(gt=0, le=1)] = 0.75
    """Share of an engine's slots that calls of `/v1` may take; the rest stays with documents."""

    v1_max_waiting: Annotated[int, Field(ge=0)] = 64
    """Calls of `/v1` that may wait for a slot of one engine; more are refused with 429."""
