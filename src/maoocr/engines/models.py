"""Models that are single files: what of them lies on the disk, and getting it there."""

import hashlib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ..errors import ModelUnavailable
from .download import PART_SUFFIX, Patience, fetch
from .hub_folder import delete, forget_use, not_being_used
from .manifest import Model, ModelFile

__all__ = ["FileProgress", "State", "pull", "remove", "state_of", "verify"]

State = Literal["absent", "partial", "ready", "corrupt", "bundled"]
"""`bundled`: not below MODEL_PATH, but inside an installed package, where engines find it too."""

FileProgress = Callable[["ModelFile", int, int | None], None]
"""Called with the file, its bytes so far, and how many there will be where that is known."""

_STALE_S = 3600.0


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

    Raises:
        Conflict: a running server of this machine uses them.
        ModelUnavailable: a file cannot be deleted.
    """
    freed_bytes = 0
    base = root.resolve()
    folders = {file.target(root).parent for file in model.files}
    with ExitStack() as stack:
        for folder in folders:
            stack.enter_context(not_being_used(folder))
        for target in (file.target(root) for file in model.files):
            freed_bytes += _size_bytes(target) or 0
            delete(target, base)
        for folder in folders:
            if folder.is_dir():
                forget_use(folder, base)
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
