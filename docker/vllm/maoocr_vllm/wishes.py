"""What the environment asks for, checked before anything is started."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from .families import FAMILIES, Family, family_named, family_of

__all__ = ["OWN_NAMES", "Wishes", "WrongSetting", "wishes_of"]

OWN_NAMES = (
    "VLLM_MODEL",
    "VLLM_SERVED_NAME",
    "VLLM_FAMILY",
    "VLLM_MAX_MODEL_LEN",
    "VLLM_MAX_QUEUED",
    "VLLM_SHUTDOWN_SECONDS",
    "VLLM_SLEEP_MODE",
    "VLLM_API_KEY_FILE",
    "VLLM_EXTRA_ARGS",
)
"""Variables that are meant for this program; vLLM warns of those that it does not know."""

_OFF, _ON = {"", "0", "false", "no", "off"}, {"1", "true", "yes", "on"}


class WrongSetting(Exception):
    """A variable has a value that cannot be meant; the message is a sentence for its author."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be served, and how.

    Attributes:
        root: folder of all models (`MODEL_PATH`).
        model: name of configs/models.yaml, or a folder below `root`.
        served_name: under which callers ask for it.
        tensor_parallel: GPUs that share one copy of the model.
        gpu_memory: share of each GPU's memory that vLLM takes; empty for its own default.
        context: tokens of prompt and answer together, or `auto`.
        most_queued: requests that may wait before further ones are refused; empty for any number.
        shutdown_s: seconds for which requests go on after the end was asked for.
        can_sleep: whether the weights may leave the GPU when nobody asks.
        key: that callers of /v1 have to send; empty for none.
        extra: further flags, which win over ours.
    """

    root: Path
    model: str
    served_name: str
    family: Family
    tensor_parallel: int
    gpu_memory: str
    context: str
    most_queued: str
    shutdown_s: int
    can_sleep: bool
    key: str = field(repr=False)
    extra: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where the weights lie, or are to lie."""
        pulled, own = self.root / "vlm" / self.model, self.root / self.model
        return own if "/" in self.model or (own.is_dir() and not pulled.is_dir()) else pulled

    @property
    def pulled_name(self) -> str:
        """The name by which `maoocr models pull` knows it; empty for a folder of one's own."""
        folder = self.folder
        return folder.name if folder.parent == self.root / "vlm" else ""


def wishes_of(environ: Mapping[str, str]) -> Wishes:
    """What the environment asks for; an empty variable is as good as none.

    Raises:
        WrongSetting: a value cannot be meant.
    """
    model = _model(_value(environ, "VLLM_MODEL", "paddleocr-vl-1.6"))
    family = _family(_value(environ, "VLLM_FAMILY", "auto"), model)
    return Wishes(
        root=Path(_value(environ, "MODEL_PATH", "/models")),
        model=model,
        served_name=_served_name(_value(environ, "VLLM_SERVED_NAME", PurePosixPath(model).name)),
        family=family,
        tensor_parallel=int(_count(environ, "TENSOR_PARALLEL_SIZE", "1", least=1)),
        gpu_memory=_share(environ, "GPU_MEMORY_UTILIZATION"),
        context=_context(environ, family.context),
        most_queued=_count(environ, "VLLM_MAX_QUEUED", "", least=1),
        shutdown_s=int(_count(environ, "VLLM_SHUTDOWN_SECONDS", "45", least=0)),
        can_sleep=_switch(environ, "VLLM_SLEEP_MODE"),
        key=_key(environ),
        extra=_words(environ, "VLLM_EXTRA_ARGS"),
    )


def _value(environ: Mapping[str, str], name: str, default: str) -> str:
    return environ.get(name, "").strip() or default


def _model(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name or name == ".":
        raise WrongSetting(
            f"VLLM_MODEL is {name!r}: it has to be a name of configs/models.yaml, or a folder"
            " below MODEL_PATH."
        )
    return name


def _served_name(name: str) -> str:
    if any(character.isspace() for character in name):
        raise WrongSetting(f"VLLM_SERVED_NAME is {name!r}: it has to be one name, without spaces.")
    return name


def _family(name: str, model: str) -> Family:
    if name == "auto":
        return family_of(model)
    found = family_named(name)
    if found is None:
        known = ", ".join(family.name for family in FAMILIES)
        raise WrongSetting(f"VLLM_FAMILY is {name!r}: it has to be auto, or one of {known}.")
    return found


def _count(environ: Mapping[str, str], name: str, default: str, *, least: int) -> str:
    text = _value(environ, name, default)
    if text and not (re.fullmatch(r"[0-9]{1,9}", text) and int(text) >= least):
        raise WrongSetting(f"{name} is {text!r}: it has to be a whole number from {least} on.")
    return text


def _context(environ: Mapping[str, str], default: str) -> str:
    name = "VLLM_MAX_MODEL_LEN"
    if _value(environ, name, default) == "auto":
        return "auto"
    return _count(environ, name, default, least=16)


def _share(environ: Mapping[str, str], name: str) -> str:
    text = _value(environ, name, "")
    if text and not (re.fullmatch(r"[0-9]*\.?[0-9]+", text) and 0 < float(text) <= 1):
        raise WrongSetting(f"{name} is {text!r}: it has to be a share above 0 and at most 1.")
    return text


def _switch(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in _ON | _OFF:
        raise WrongSetting(f"{name} is {text!r}: it has to be true or false.")
    return text in _ON


def _words(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(environ.get(name, "")))
    except ValueError as error:
        raise WrongSetting(f"{name} cannot be read as words of a shell: {error}.") from error
    if any(word.partition("=")[0].replace("_", "-") == "--api-key" for word in words):
        raise WrongSetting(
            f"{name} holds --api-key, which every process list would show: put the key into the"
            " file that VLLM_API_KEY_FILE names."
        )
    return words


def _key(environ: Mapping[str, str]) -> str:
    path = environ.get("VLLM_API_KEY_FILE", "").strip()
    if not path:
        key, source = environ.get("VLLM_API_KEY", "").strip(), "VLLM_API_KEY"
    else:
        source = f"The file {path} (VLLM_API_KEY_FILE)"
        try:
            key = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise WrongSetting(f"{source} cannot be read: {_reason(error)}.") from error
        if not key:
            raise WrongSetting(f"{source} is empty: it has to hold the key.")
    if not re.fullmatch(r"[!-~]*", key):
        raise WrongSetting(f"{source} has to hold one key of visible ASCII characters.")
    return key


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is no text"
