"""Fetch one file and give it its name only when it is whole and the right one."""

import errno
import hashlib
import http.client
import ipaddress
import os
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from .. import __version__
from ..errors import MaoOCRError, ModelUnavailable, StorageFull

__all__ = ["PART_SUFFIX", "Patience", "Progress", "fetch", "require_safe_url"]

PART_SUFFIX = ".part"

Progress = Callable[[int, int | None], None]
"""Called with the bytes so far, and how many there will be where that is known."""

_CHUNK_BYTES = 256 * 1024
_LARGEST_BYTES = 64 * 1024**3


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may take.

    Attributes:
        silence_s: for a connection, or between two pieces of the answer.
        window_s: over which the speed is measured.
        window_bytes: that must arrive in each window.
        clock: seconds that only grow.
    """

    silence_s: float = 15.0
    window_s: float = 60.0
    window_bytes: int = 64 * 1024
    clock: Callable[[], float] = time.monotonic


def require_safe_url(url: str) -> None:
    """Refuse an address that is neither https nor on this machine.

    Raises:
        ModelUnavailable: with the reason.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise ModelUnavailable(f"{url!r} is not a valid address: {error}.") from error
    if not host or parts.scheme not in {"https", "http"}:
        raise ModelUnavailable(f"{url!r} is refused: only https addresses are taken.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ModelUnavailable(
            f"{url!r} is refused: only https addresses are taken, and http on this machine."
        )


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
            _make_folder(target.parent)
            _require_room(target, total_bytes)
            _receive(url, response, target, sha256, total_bytes, progress, patience)
    except MaoOCRError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise ModelUnavailable(f"{url} broke off: {_why(error, patience)}.") from error


class _SafeRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        require_safe_url(newurl)
        if req.type == "https" and not newurl.lower().startswith("https:"):
            raise ModelUnavailable(f"{req.full_url} leads from https to {newurl!r}: refused.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _opened(url: str, patience: Patience) -> Any:
    headers = {"User-Agent": f"maoocr/{__version__}", "Accept-Encoding": "identity"}
    try:
        return build_opener(_SafeRedirects).open(
            Request(url, headers=headers), timeout=patience.silence_s
        )
    except HTTPError as error:
        error.close()
        raise ModelUnavailable(f"{url} answered {error.code} {error.reason}.") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ModelUnavailable(f"{url} cannot be reached: {_why(error, patience)}.") from error


def _why(error: Exception, patience: Patience) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer within {patience.silence_s:g} s"
    if isinstance(reason, socket.gaierror):
        return (
            "the name is not found. Is this machine connected to the network?"
            " Behind a proxy, set HTTPS_PROXY"
        )
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message})"
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return text.rstrip(".") or type(reason).__name__


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _storage_error(folder, error) from error


def _announced_bytes(url: str, response: Any, expected_bytes: int | None) -> int | None:
    header = response.headers.get("Content-Length") or ""
    announced = int(header) if header.isascii() and header.isdigit() else None
    if announced is not None and expected_bytes is not None and announced != expected_bytes:
        raise ModelUnavailable(
            f"{url} is not the file that the manifest names: {announced} bytes are announced,"
            f" {expected_bytes} are expected."
        )
    return announced if expected_bytes is None else expected_bytes


def _require_room(target: Path, wanted_bytes: int | None) -> None:
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
        raise _storage_error(target.parent, error) from error
    part = Path(name)
    try:
        with open(handle, "wb") as file:
            found = _copy(url, response, file, total_bytes, progress, patience)
            if found != sha256:
                raise ModelUnavailable(
                    f"{url} is not the file that the manifest names: its SHA-256 is {found},"
                    f" {sha256} is expected. Nothing was kept."
                )
            _publish(file, part, target)
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
    while chunk := response.read1(_CHUNK_BYTES):
        done_bytes += len(chunk)
        if done_bytes > limit_bytes:
            raise ModelUnavailable(f"{url} sends more than the {limit_bytes} bytes expected.")
        digest.update(chunk)
        try:
            file.write(chunk)
        except OSError as error:
            raise _storage_error(Path(str(file.name)), error) from error
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


def _publish(file: IO[bytes], part: Path, target: Path) -> None:
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
        raise _storage_error(target, error) from error


def _storage_error(path: Path, error: OSError) -> MaoOCRError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull(f"There is no room left for {path} (MODEL_PATH).")
    return ModelUnavailable(f"{path} cannot be written: {error.strerror or error} (MODEL_PATH).")
