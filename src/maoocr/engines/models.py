"""The models that can be fetched: what there is, what lies on the disk, and getting it there."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ..errors import InvalidRequest, ModelUnavailable, NotFound
from .download import PART_SUFFIX, Patience, fetch, require_safe_url

__all__ = [
    "FileProgress",
    "Manifest",
    "Model",
    "ModelFile",
    "State",
    "default_manifest_path",
    "load_manifest",
    "pull",
    "remove",
    "state_of",
    "verify",
]

State = Literal["absent", "partial", "ready", "corrupt", "bundled"]
"""`bundled`: not below MODEL_PATH, but inside an installed package, where engines find it too."""

FileProgress = Callable[["ModelFile", int, int | None], None]
"""Called with the file, its bytes so far, and how many there will be where that is known."""

_STALE_S = 3600.0


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
        pure = PurePosixPath(path)
        odd = "\\" in path or not path.isprintable() or str(pure) != path
        if odd or pure.is_absolute() or not pure.name or ".." in pure.parts:
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


class Manifest(_Part):
    """All models, by name."""

    models: Mapping[str, Model]

    @model_validator(mode="after")
    def _paths_are_distinct(self) -> "Manifest":
        paths = [file.path for model in self.models.values() for file in model.files]
        if twice := {path for path in paths if paths.count(path) > 1}:
            raise ValueError(f"two files are to lie at {min(twice)}")
        return self

    def find(self, name: str) -> Model:
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
        where = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise InvalidRequest(f"{path}: {where}: {first['msg']}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} is no valid YAML: {error}.") from error


def state_of(model: Model, root: Path) -> State:
    """What lies on the disk, by name and size only; `verify` reads the files."""
    sizes = [_size_bytes(file.target(root)) for file in model.files]
    if all(size is None for size in sizes):
        return "bundled" if model.bundled else "absent"
    known = [
        size is None or file.size_bytes in {None, size}
        for file, size in zip(model.files, sizes, strict=True)
    ]
    if not all(known):
        return "corrupt"
    return "partial" if None in sizes else "ready"


def verify(model: Model, root: Path) -> dict[ModelFile, State]:
    """Read every file and compare its SHA-256: `ready`, `corrupt` or `absent` for each."""
    return {file: _verified(file, root) for file in model.files}


def pull(
    model: Model,
    root: Path,
    *,
    progress: FileProgress | None = None,
    patience: Patience | None = None,
) -> list[ModelFile]:
    """Fetch the files that are not there or not right, one after the other.

    Returns:
        The files that were fetched; none when all were in place.

    Raises:
        ModelUnavailable: a file cannot be had; files fetched before stay.
        StorageFull: there is no room.
    """
    fetched = []
    for file in model.files:
        target = file.target(root)
        _sweep(target)
        if _verified(file, root) == "ready":
            continue
        fetch(
            file.url,
            target,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            progress=_bound(progress, file),
            patience=patience,
        )
        fetched.append(file)
    return fetched


def remove(model: Model, root: Path) -> int:
    """Delete the model's files, and the folders that are empty then.

    Returns:
        Bytes that were freed.
    """
    freed_bytes = 0
    base = root.resolve()
    for file in model.files:
        target = file.target(root)
        freed_bytes += _size_bytes(target) or 0
        try:
            target.unlink(missing_ok=True)
        except OSError as error:
            raise ModelUnavailable(f"{target} cannot be deleted: {error.strerror}.") from error
        for folder in target.parents:
            if folder == base or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
    return freed_bytes


def _bound(progress: FileProgress | None, file: ModelFile) -> Callable[[int, int | None], None]:
    def report(done_bytes: int, total_bytes: int | None) -> None:
        if progress:
            progress(file, done_bytes, total_bytes)

    return report


def _size_bytes(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _verified(file: ModelFile, root: Path) -> State:
    target = file.target(root)
    size_bytes = _size_bytes(target)
    if size_bytes is None:
        return "absent"
    if file.size_bytes not in {None, size_bytes}:
        return "corrupt"
    try:
        with target.open("rb") as data:
            found = hashlib.file_digest(data, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailable(f"{target} cannot be read: {error.strerror}.") from error
    return "ready" if found == file.sha256 else "corrupt"


def _sweep(target: Path) -> None:
    # Left by a pull that was killed: a living one writes at least once a minute.
    now_s = datetime.now(UTC).timestamp()
    for part in target.parent.glob(f".{target.name}.*{PART_SUFFIX}"):
        with suppress(OSError):
            if now_s - part.stat().st_mtime > _STALE_S:
                part.unlink(missing_ok=True)
