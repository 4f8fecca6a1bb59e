"""Fetch one file and give it its name only when it is whole and the right one."""

import errno
import hashlib
import http.client
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError

from ..errors import MaoOCRError, ModelUnavailable, StorageFull
from .download_source import Patience, open_url, require_safe_url, why

__all__ = [
    "CHUNK_BYTES",
    "PART_SUFFIX",
    "Patience",
    "Progress",
    "fetch",
    "make_folder",
    "publish",
    "require_room",
    "require_safe_url",
    "storage_error",
]

PART_SUFFIX = ".part"

Progress = Callable[[int, int | None], None]
"""Called with the bytes so far, and how many there will be where that is known."""

CHUNK_BYTES = 256 * 1024
"""Read at once."""
_LARGEST_BYTES = 64 * 1024**3


def fetch(
    url: str,
    target: Path,
    *,
    sha256: str,
    size_bytes: int | None = None,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> None:
    """Download to a temporary name beside `target`, check size and hash, then rename.

    Whatever goes wrong, nothing is left behind and a `target` that was there stays as it was. Any
    number of processes may fetch the same file at once. Proxies come from the environment
    (`HTTPS_PROXY`, `NO_PROXY`), as urllib has it.

    Raises:
        ModelUnavailable: the address is refused or does not answer, or what came is not the file.
        StorageFull: there is no room.
    """
    patience = patience or Patience()
    require_safe_url(url)
    try:
        with _opened(url, patience) as response:
            total_bytes = _announced_bytes(url, response, size_bytes)
            make_folder(target.parent)
            require_room(target, total_bytes)
            _receive(url, response, target, sha256, total_bytes, progress, patience)
    except MaoOCRError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise ModelUnavailable(f"{url} broke off: {why(error, patience)}.") from error


def _opened(url: str, patience: Patience) -> Any:
    try:
        return open_url(url, patience)
    except HTTPError as error:
        error.close()
        raise ModelUnavailable(f"{url} answered {error.code} {error.reason}.") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ModelUnavailable(f"{url} cannot be reached: {why(error, patience)}.") from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        ModelUnavailable: it cannot be made.
        StorageFull: there is no room.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def _announced_bytes(url: str, response: Any, expected_bytes: int | None) -> int | None:
    header = response.headers.get("Content-Length") or ""
    announced = int(header) if header.isascii() and header.isdigit() else None
    if announced is not None and expected_bytes is not None and announced != expected_bytes:
        raise ModelUnavailable(
            f"{url} is not the file that the manifest names: {announced} bytes are announced,"
            f" {expected_bytes} are expected."
        )
    return announced if expected_bytes is None else expected_bytes


def require_room(target: Path, wanted_bytes: int | None) -> None:
    """Refuse what would not find room beside `target`.

    Raises:
        StorageFull: there is less.
    """
    free_bytes = shutil.disk_usage(target.parent).free
    if wanted_bytes is not None and wanted_bytes > free_bytes:
        raise StorageFull(
            f"There is no room for {target.name}: {wanted_bytes / 1e6:.1f} MB are needed,"
            f" {free_bytes / 1e6:.1f} MB are free in {target.parent} (MODEL_PATH)."
        )


def _receive(
    url: str,
    response: Any,
    target: Path,
    sha256: str,
    total_bytes: int | None,
    progress: Progress | None,
    patience: Patience,
) -> None:
    try:
        handle, name = tempfile.mkstemp(PART_SUFFIX, f".{target.name}.", target.parent)
    except OSError as error:
        raise storage_error(target.parent, error) from error
    part = Path(name)
    try:
        with open(handle, "wb") as file:
            found = _copy(url, response, file, total_bytes, progress, patience)
            if found != sha256:
                raise ModelUnavailable(
                    f"{url} is not the file that the manifest names: its SHA-256 is {found},"
                    f" {sha256} is expected. Nothing was kept."
                )
            publish(file, part, target)
    finally:
        part.unlink(missing_ok=True)


def _copy(
    url: str,
    response: Any,
    file: IO[bytes],
    total_bytes: int | None,
    progress: Progress | None,
    patience: Patience,
) -> str:
    digest = hashlib.sha256()
    done_bytes = 0
    window_end_s, window_left = patience.clock() + patience.window_s, patience.window_bytes
    limit_bytes = _LARGEST_BYTES if total_bytes is None else total_bytes
    # read1 returns after one piece: read would wait for the whole chunk, and a server that sends
    # a byte now and then could hold it for ever.
    while chunk := response.read1(CHUNK_BYTES):
        done_bytes += len(chunk)
        if done_bytes > limit_bytes:
            raise ModelUnavailable(f"{url} sends more than the {limit_bytes} bytes expected.")
        digest.update(chunk)
        try:
            file.write(chunk)
        except OSError as error:
            raise storage_error(Path(str(file.name)), error) from error
        if progress:
            progress(done_bytes, total_bytes)
        window_left -= len(chunk)
        if (now_s := patience.clock()) >= window_end_s:
            if window_left > 0:
                raise ModelUnavailable(
                    f"{url} is too slow: less than {patience.window_bytes} bytes arrived in"
                    f" {patience.window_s:g} s."
                )
            window_end_s, window_left = now_s + patience.window_s, patience.window_bytes
    if total_bytes is not None and done_bytes != total_bytes:
        raise ModelUnavailable(f"{url} broke off after {done_bytes} of {total_bytes} bytes.")
    return digest.hexdigest()


def publish(file: IO[bytes], part: Path, target: Path) -> None:
    """Give a file that is whole its name, so that it survives a crash of the machine.

    Raises:
        ModelUnavailable: it cannot be written.
        StorageFull: there is no room.
    """
    try:
        file.flush()
        # The folder is shared with containers of other users; mkstemp makes files private.
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())
        part.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise storage_error(target, error) from error


def storage_error(path: Path, error: OSError) -> MaoOCRError:
    """What the caller meets when the disk says no."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull(f"There is no room left for {path} (MODEL_PATH).")
    return ModelUnavailable(f"{path} cannot be written: {error.strerror or error} (MODEL_PATH).")
