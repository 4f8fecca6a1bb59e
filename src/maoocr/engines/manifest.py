"""The list of the models that can be fetched, as configs/models.yaml has it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from ..errors import InvalidRequest, ModelUnavailable, NotFound
from .download_source import require_safe_url
from .hub import is_plain_path
from .hub_models import HubWeights

__all__ = [
    "HubModel",
    "Manifest",
    "Model",
    "ModelFile",
    "default_manifest_path",
    "load_manifest",
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelFile(_Part):
    """One file of a model; `path` is relative to the models' folder."""

    path: str
    url: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(gt=0)] | None = None

    @field_validator("path")
    @classmethod
    def _stays_below(cls, path: str) -> str:
        if not is_plain_path(path):
            raise ValueError("must be a plain relative path below the models' folder")
        return path

    @field_validator("url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        try:
            require_safe_url(url)
        except ModelUnavailable as error:
            raise ValueError(error.message) from error
        return url

    def target(self, root: Path) -> Path:
        """Where the file belongs.

        Raises:
            ModelUnavailable: a link in the folder leads out of it.
        """
        base = root.resolve()
        target = (base / self.path).resolve()
        if not target.is_relative_to(base):
            raise ModelUnavailable(
                f"{base / self.path} leads out of {base} through a link: refused."
            )
        return target


class Model(_Part):
    """One entry of the manifest."""

    title: str
    licence: str
    homepage: str
    bundled: bool = False
    files: Annotated[tuple[ModelFile, ...], Field(min_length=1)]

    @property
    def size_bytes(self) -> int | None:
        """Of all files; None when one is not known."""
        sizes = [file.size_bytes for file in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)


class HubModel(_Part):
    """One entry that is a repository of a model hub; its files are those that the hub lists.

    Attributes:
        family: of `vllm.families`.
        revision: branch, tag or commit. What a branch means is told when it is first pulled, and
            kept from then on.
        sha256: of files, by path, that the hub must agree with.
    """

    title: str
    family: str
    licence: str
    homepage: str
    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: Annotated[str, Field(pattern=r"^[\w./-]+$")] = "main"
    size_gb: Annotated[float, Field(gt=0)] | None = None
    sha256: Mapping[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = {}

    def weights(self, name: str, root: Path) -> HubWeights:
        """What there is of it, and getting it there.

        Args:
            name: of the entry.
            root: the models' folder; the weights lie in `vlm/<name>` below it.

        Raises:
            ModelUnavailable: a link in the folder leads out of it.
        """
        base = root.resolve()
        folder = (base / "vlm" / name).resolve()
        if not folder.is_relative_to(base):
            raise ModelUnavailable(f"{base / 'vlm' / name} leads out of {base}: refused.")
        return HubWeights(self.repository, self.revision, folder, self.sha256)


def _kind(entry: Any) -> str:
    fields = entry if isinstance(entry, dict) else vars(entry) if isinstance(entry, _Part) else {}
    return "hub" if "repository" in fields else "files"


_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
_Entry = Annotated[
    Annotated[Model, Tag("files")] | Annotated[HubModel, Tag("hub")], Discriminator(_kind)
]


class Manifest(_Part):
    """All models, by name."""

    models: Mapping[_Name, _Entry]

    @model_validator(mode="after")
    def _paths_are_distinct(self) -> "Manifest":
        files = [model for model in self.models.values() if isinstance(model, Model)]
        paths = [file.path for model in files for file in model.files]
        if twice := {path for path in paths if paths.count(path) > 1}:
            raise ValueError(f"two files are to lie at {min(twice)}")
        return self

    def find(self, name: str) -> Model | HubModel:
        """The model of that name.

        Raises:
            NotFound: there is none; the message lists those there are.
        """
        if name not in self.models:
            raise NotFound(f"There is no model {name!r}. There are {', '.join(self.models)}.")
        return self.models[name]


def default_manifest_path() -> Path:
    """In an installed package inside it, in a checkout in `configs/`."""
    here = Path(__file__).resolve()
    inside = here.parents[1] / "configs" / "models.yaml"
    return inside if inside.is_file() else here.parents[3] / "configs" / "models.yaml"


def load_manifest(path: Path | None = None) -> Manifest:
    """Read and check a manifest.

    Raises:
        InvalidRequest: it is not there or not right; the message names the entry.
    """
    path = path or default_manifest_path()
    try:
        return Manifest.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        # The third part names the kind of the entry, which is nothing that stands in the file.
        where = ".".join(map(str, (*first["loc"][:2], *first["loc"][3:]))) or "manifest"
        raise InvalidRequest(f"{path}: {where}: {first['msg']}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} is no valid YAML: {error}.") from error
