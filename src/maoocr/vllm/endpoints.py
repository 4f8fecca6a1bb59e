"""The servers of vision-language models, as `MAOOCR_ENGINES_FILE` and `MAOOCR_VLM__*` name them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ..errors import InvalidRequest
from ..settings import Settings, VlmSettings

__all__ = ["Endpoint", "Probe", "default_engines_path", "endpoints_of"]

Probe = Literal["auto", "vllm", "none"]
"""Whether `/health`, `/metrics` and `/v1/models` are looked at; `auto`: of local endpoints."""

_NAME = r"^[a-z0-9][a-z0-9._-]{0,39}$"
_AGREED = ("family", "model", "privacy")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server of the OpenAI protocol, with one model of it.

    Attributes:
        name: for people, metrics and logs; unique.
        engine: of the pool that it is part of; endpoints of one engine share its work.
        family: prompt and parser of the model; `auto` tells it from the model's name.
        url: base of the API; `/chat/completions` follows it.
        root: where `/health` and `/metrics` are.
        model: name under which the server knows it.
        api_key: empty for none.
        weight: share of the work beside the engine's other endpoints.
        concurrency: calls at once.
        privacy: `remote` where pages leave this site.
        price_input_per_1k: money for 1000 tokens of prompt, pictures included.
        price_output_per_1k: money for 1000 tokens of answer.
        price_per_page: money for each call.
        daily_budget: money of one UTC day after which no further call is made; None is no limit.
        connect_s: seconds that connecting may take.
        first_token_s: seconds from the request to the first piece of text.
        idle_s: seconds between two pieces of text.
        total_s: seconds that one call may take in all.
    """

    name: str
    engine: str
    family: str
    url: str
    model: str
    api_key: str = field(default="", repr=False)
    weight: float = 1.0
    concurrency: int = 8
    privacy: Literal["local", "remote"] = "local"
    price_input_per_1k: float = 0.0
    price_output_per_1k: float = 0.0
    price_per_page: float = 0.0
    daily_budget: float | None = None
    connect_s: float = 3.0
    first_token_s: float = 20.0
    idle_s: float = 15.0
    total_s: float = 120.0
    probe: Probe = "auto"

    @property
    def root(self) -> str:
        """Where the server's own routes are, beside those of the API."""
        return self.url.removesuffix("/v1")

    @property
    def is_probed(self) -> bool:
        """Whether its health is looked at, rather than only how its calls end."""
        return self.probe == "vllm" or (self.probe == "auto" and self.privacy == "local")

    def cost_of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Money for one call."""
        return (
            self.price_per_page
            + prompt_tokens / 1000 * self.price_input_per_1k
            + completion_tokens / 1000 * self.price_output_per_1k
        )


def _api_url(url: str) -> str:
    """`http://vllm:8000` and `http://vllm:8000/v1/` are both `http://vllm:8000/v1`."""
    url = url.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url[:80]!r} is no http or https URL")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("takes no user, password, query or fragment; a key has its own field")
    parts.port  # noqa: B018  raises for one that is none
    return url if parts.path else f"{url}/v1"


class _Entry(BaseModel):
    """One endpoint of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=_NAME)]
    engine: Annotated[str, Field(pattern=_NAME)] = "vlm"
    family: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")] = "auto"
    url: str
    model: Annotated[str, Field(min_length=1)]
    api_key_env: str = ""
    api_key_file: Path | None = None
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 8
    privacy: Literal["local", "remote"]
    price_input_per_1k: Annotated[float, Field(ge=0)] = 0.0
    price_output_per_1k: Annotated[float, Field(ge=0)] = 0.0
    price_per_page: Annotated[float, Field(ge=0)] = 0.0
    daily_budget: Annotated[float, Field(gt=0)] | None = None
    connect_s: Annotated[float, Field(gt=0)] | None = None
    first_token_s: Annotated[float, Field(gt=0)] | None = None
    idle_s: Annotated[float, Field(gt=0)] | None = None
    total_s: Annotated[float, Field(gt=0)] | None = None
    probe: Probe = "auto"

    @field_validator("url")
    @classmethod
    def _is_base(cls, url: str) -> str:
        return _api_url(url)

    @model_validator(mode="after")
    def _is_sound(self) -> "_Entry":
        if self.api_key_env and self.api_key_file:
            raise ValueError("takes api_key_env or api_key_file, not both")
        has_price = self.price_input_per_1k or self.price_output_per_1k or self.price_per_page
        if self.daily_budget is not None and not has_price:
            raise ValueError("daily_budget without a price would never be reached")
        return self


class _File(BaseModel):
    """The part of the file that is told here; the others are those of `engines.profiles`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engines: Any = None
    families: Any = None
    endpoints: tuple[_Entry, ...] | None = None


def default_engines_path() -> Path:
    """In an installed package inside it, in a checkout in `configs/`."""
    here = Path(__file__).resolve()
    inside = here.parents[1] / "configs" / "engines.yaml"
    return inside if inside.is_file() else here.parents[3] / "configs" / "engines.yaml"


def endpoints_of(
    settings: Settings, environ: Mapping[str, str] | None = None
) -> tuple[Endpoint, ...]:
    """Every endpoint that is configured, the one of the environment first; mostly none.

    Args:
        settings: the whole tree.
        environ: where keys are looked up that the file names; that of the process when left out.

    Raises:
        InvalidRequest: something about them is wrong; the message names the place.
    """
    path = settings.engines_file or default_engines_path()
    environ = os.environ if environ is None else environ
    found = [_of_environment(settings.vlm)] if settings.vlm.url else []
    found += [_of_entry(entry, settings.vlm, path, environ) for entry in _entries(path)]
    _require_agreement(found)
    return tuple(found)


def _of_environment(vlm: VlmSettings) -> Endpoint:
    if not vlm.model:
        raise InvalidRequest(
            "MAOOCR_VLM__URL is set, but MAOOCR_VLM__MODEL is not: it is the name under which the"
            " server knows its model."
        )
    try:
        url = _api_url(vlm.url)
    except ValueError as error:
        raise InvalidRequest(f"MAOOCR_VLM__URL: {error}.") from error
    return Endpoint(
        name=vlm.engine,
        engine=vlm.engine,
        family=vlm.family,
        url=url,
        model=vlm.model,
        api_key=vlm.api_key,
        concurrency=vlm.concurrency,
        privacy=vlm.privacy,
        connect_s=vlm.connect_seconds,
        first_token_s=vlm.first_token_seconds,
        idle_s=vlm.idle_seconds,
        total_s=vlm.total_seconds,
    )


def _entries(path: Path) -> Sequence[_Entry]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _File.model_validate(content or {}).endpoints or ()
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InvalidRequest(f"{path}: {where}: {first['msg']}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} is no valid YAML: {error}.") from error


def _of_entry(entry: _Entry, vlm: VlmSettings, path: Path, environ: Mapping[str, str]) -> Endpoint:
    fields = entry.model_dump(exclude={"api_key_env", "api_key_file"}, exclude_none=True)
    patience = {
        "connect_s": vlm.connect_seconds,
        "first_token_s": vlm.first_token_seconds,
        "idle_s": vlm.idle_seconds,
        "total_s": vlm.total_seconds,
    }
    return Endpoint(**(patience | fields), api_key=_key(entry, path, environ))


def _key(entry: _Entry, path: Path, environ: Mapping[str, str]) -> str:
    where = f"{path}: endpoints: {entry.name}"
    key = ""
    if entry.api_key_env:
        key = environ.get(entry.api_key_env, "").strip()
        if not key:
            raise InvalidRequest(f"{where}: the variable {entry.api_key_env} holds no key.")
    elif entry.api_key_file:
        try:
            key = entry.api_key_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"{where}: {entry.api_key_file} cannot be read.") from error
        if not key:
            raise InvalidRequest(f"{where}: {entry.api_key_file} holds no key.")
    if not (key.isascii() and key.isprintable()):
        raise InvalidRequest(f"{where}: the key holds characters that no header may hold.")
    return key


def _require_agreement(found: Sequence[Endpoint]) -> None:
    """One engine is one model: a request that must stay local cannot leave by a second endpoint."""
    names = [endpoint.name for endpoint in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InvalidRequest(f"Two endpoints are called {min(twice)!r}.")
    first: dict[str, Endpoint] = {}
    for endpoint in found:
        other = first.setdefault(endpoint.engine, endpoint)
        for what in _AGREED:
            ours, theirs = getattr(endpoint, what), getattr(other, what)
            if ours != theirs:
                raise InvalidRequest(
                    f"The endpoints {other.name!r} and {endpoint.name!r} are both of the engine"
                    f" {endpoint.engine!r}, but their {what} is {theirs!r} and {ours!r}: give them"
                    " different engines."
                )
