"""What each engine can do, and at what price: data of `engines:` and `families:` in the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..domain import DocumentType
from ..errors import InvalidRequest

if TYPE_CHECKING:
    from ..settings import Settings
    from ..vllm.endpoints import Endpoint

__all__ = ["Boxes", "EngineKind", "EngineProfile", "Profiles", "load_profiles"]

Boxes = Literal["words", "lines", "matched", "none"]
"""What an engine knows the place of: `matched` are lines that a detector found, with its text."""
EngineKind = Literal["ocr", "vlm"]
"""`ocr` finds lines and reads them; a `vlm` writes down what it sees on a page."""

GENERIC = "generic"
"""The family of a model of which nothing is known."""

_PLAIN: DocumentType = "simple_text"


@dataclass(frozen=True, slots=True)
class EngineProfile:
    """What an engine can do.

    Attributes:
        accuracy: class from 1 (guesses) to 5 (the best there is) by document type; a type that is
            left out is read as lines of text only.
        languages: BCP 47 primary tags; empty for those that the loaded engine names.
        privacy: `remote` where pages leave this site.
        price_per_page: money for each page, beside that of the tokens.
        input_tokens: of a page, expected; the picture included.
        output_tokens: of a page, expected.
        seconds_per_page: of one lane, until it was measured.
        startup_s: until it reads, when it is asleep or still has to be loaded.
    """

    name: str
    kind: EngineKind = "ocr"
    accuracy: Mapping[str, int] = field(default_factory=lambda: {_PLAIN: 3})
    languages: tuple[str, ...] = ()
    boxes: Boxes = "lines"
    privacy: Literal["local", "remote"] = "local"
    price_per_page: float = 0.0
    price_input_per_1k: float = 0.0
    price_output_per_1k: float = 0.0
    input_tokens: int = 1500
    output_tokens: int = 1000
    seconds_per_page: float = 1.0
    startup_s: float = 10.0

    @property
    def cost_per_page(self) -> float:
        """Money that a page is expected to cost."""
        return (
            self.price_per_page
            + self.input_tokens / 1000 * self.price_input_per_1k
            + self.output_tokens / 1000 * self.price_output_per_1k
        )

    @property
    def document_types(self) -> tuple[str, ...]:
        """Those that it reads as what they are."""
        return tuple(self.accuracy)

    def accuracy_for(self, document_type: DocumentType) -> int:
        """Its class, 0 where it reads such a page as lines of text only."""
        return self.accuracy.get(_PLAIN if document_type == "auto" else document_type, 0)


class _Entry(BaseModel):
    """One profile of the file; what is left out comes from the family or is as usual."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: EngineKind | None = None
    accuracy: dict[str, Annotated[int, Field(ge=1, le=5)]] | None = None
    languages: Literal["info"] | tuple[Annotated[str, Field(pattern="^[a-z]{2}$")], ...] = "info"
    boxes: Boxes | None = None
    privacy: Literal["local", "remote"] | None = None
    price_per_page: Annotated[float, Field(ge=0)] | None = None
    price_input_per_1k: Annotated[float, Field(ge=0)] | None = None
    price_output_per_1k: Annotated[float, Field(ge=0)] | None = None
    input_tokens: Annotated[int, Field(ge=0)] | None = None
    output_tokens: Annotated[int, Field(ge=0)] | None = None
    seconds_per_page: Annotated[float, Field(gt=0)] | None = None
    startup_s: Annotated[float, Field(ge=0)] | None = None

    @property
    def told(self) -> dict[str, Any]:
        """The fields that stand in the file."""
        values = self.model_dump(exclude_none=True)
        if values["languages"] == "info":
            del values["languages"]
        return values


class _File(BaseModel):
    """The parts of the file that are told here; `endpoints` is that of `vllm.endpoints`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engines: dict[str, _Entry] | None = None
    families: dict[str, _Entry] | None = None
    endpoints: Any = None


class Profiles:
    """The profiles of all engines."""

    def __init__(
        self,
        engines: Mapping[str, Mapping[str, Any]] | None = None,
        families: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Hold what is known.

        Args:
            engines: fields of `EngineProfile` by engine.
            families: the same by family of vision-language models; each engine may override them.
        """
        self._engines = dict(engines or {})
        self._families = dict(families or {})

    def of(
        self, engine: str, family: str | None = None, endpoints: Sequence["Endpoint"] = ()
    ) -> EngineProfile:
        """The profile of an engine.

        Args:
            engine: its name.
            family: of its model, for one that asks a server.
            endpoints: that serve it; the dearest of them and the least private count.
        """
        known: dict[str, Any] = {}
        if family is not None:
            known |= {"kind": "vlm", "boxes": "none"}
            known |= self._families.get(family, self._families.get(GENERIC, {}))
        known |= self._engines.get(engine, {})
        if endpoints:
            for price in ("price_per_page", "price_input_per_1k", "price_output_per_1k"):
                known[price] = max(getattr(endpoint, price) for endpoint in endpoints)
            leaves = any(endpoint.privacy == "remote" for endpoint in endpoints)
            known["privacy"] = "remote" if leaves else "local"
        return EngineProfile(engine, **known)

    @property
    def families(self) -> tuple[str, ...]:
        """Those with a profile of their own."""
        return tuple(self._families)

    def overlaid(self, other: "Profiles") -> "Profiles":
        """These, with those fields in their place that the other ones tell."""
        return Profiles(
            _overlaid(self._engines, other._engines), _overlaid(self._families, other._families)
        )


def _overlaid(
    below: Mapping[str, Mapping[str, Any]], above: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    names = dict.fromkeys([*below, *above])
    return {name: {**below.get(name, {}), **above.get(name, {})} for name in names}


def load_profiles(settings: "Settings") -> Profiles:
    """The profiles that ship with the service, overlaid with those of `MAOOCR_ENGINES_FILE`.

    Raises:
        InvalidRequest: a file cannot be read or is wrong; the message names the place.
    """
    shipped = _read(_shipped_path())
    return shipped.overlaid(_read(settings.engines_file)) if settings.engines_file else shipped


def _shipped_path() -> Path:
    """In an installed package inside it, in a checkout in `configs/`."""
    here = Path(__file__).resolve()
    inside = here.parents[1] / "configs" / "engines.yaml"
    return inside if inside.is_file() else here.parents[3] / "configs" / "engines.yaml"


def _read(path: Path) -> Profiles:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = _File.model_validate(content or {})
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InvalidRequest(f"{path}: {where}: {first['msg']}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} is no valid YAML: {error}.") from error
    engines, families = found.engines or {}, found.families or {}
    _require_known_types(path, {**families, **engines})
    return Profiles(
        {name: entry.told for name, entry in engines.items()},
        {name: entry.told for name, entry in families.items()},
    )


def _require_known_types(path: Path, entries: Mapping[str, _Entry]) -> None:
    known = [name for name in get_args(DocumentType) if name != "auto"]
    for name, entry in entries.items():
        for document_type in entry.accuracy or {}:
            if document_type not in known:
                raise InvalidRequest(
                    f"{path}: {name}.accuracy: {document_type!r} is no document type. There are"
                    f" {', '.join(known)}."
                )
