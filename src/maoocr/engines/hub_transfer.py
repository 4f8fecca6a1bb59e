"""One large file of a hub, fetched so that a cut connection costs nothing that had come.

What has come lies beside the target under a name made of the file's hash. Whoever fetches the same
file again goes on where it ended (RFC 9110, section 14); a file of another hash never does. Only
one process may work on a folder at a time; see `hub_folder.being_pulled`.
"""

import hashlib
import http.client
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.error import HTTPError

from ..errors import MaoOCRError, ModelUnavailable
from .download import CHUNK_BYTES, PART_SUFFIX, make_folder, publish, storage_error
from .download_source import Patience, open_url, require_safe_url, why
from .hub import HubFile

__all__ = ["PAUSE_S", "Transfer", "digest_of", "part_of"]

ATTEMPTS = 5
"""In a row that may bring nothing; one that brought some bytes begins the count anew."""
PAUSE_S = 1.0
"""Before the second attempt; doubles each time."""
MOST_PAUSE_S = 60.0

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class _Cut(Exception):
    """The connection ended too early; another attempt may do."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


def digest_of(file: HubFile) -> _Digest:
    """The hash that a file's content has to come to: see `HubFile`."""
    if file.sha256:
        return hashlib.sha256()
    digest = hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % file.size_bytes)
    return digest


def part_of(file: HubFile, target: Path) -> Path:
    """Where a file lies until it is whole."""
    name = (file.sha256 or file.git_sha1)[:16]
    return target.with_name(f".{target.name}.{name}{PART_SUFFIX}")


class Transfer:
    """Fetches files; `stop` ends all that this one has begun."""

    def __init__(self, patience: Patience, token: str = "", *, pause_s: float = PAUSE_S) -> None:
        """Make it.

        Args:
            patience: how long a server may take.
            token: for the host that is asked, not for those it redirects to.
            pause_s: before the second attempt at a file.
        """
        self._patience = patience
        self._token = token
        self._pause_s = pause_s
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let nothing go on; what has come so far stays."""
        self._stopped.set()

    def fetch(self, url: str, file: HubFile, target: Path, progress: Callable[[int], None]) -> None:
        """Bring one file, whole and the right one, to its place.

        Args:
            url: where it is.
            file: what it has to be.
            target: keeps what it was until the new file is whole.
            progress: hears how many bytes there are.

        Raises:
            ModelUnavailable: it cannot be had; says why.
            StorageFull: there is no room.
            HTTPError: the server refuses it.
        """
        require_safe_url(url)
        make_folder(target.parent)
        part = part_of(file, target)
        futile, has_begun_anew = 0, False
        while True:
            before = part.stat().st_size if part.is_file() else 0
            try:
                found = self._attempt(url, file, part, target, progress)
            except _Cut as cut:
                size = part.stat().st_size if part.is_file() else 0
                futile = 0 if size > before else futile + 1
                if futile >= ATTEMPTS:
                    raise ModelUnavailable(
                        f"{url} broke off {ATTEMPTS} times in a row: {cut}. What has come is kept:"
                        " pull again to go on."
                    ) from cut
                self._pause(max(cut.retry_after_s, self._pause_s * 2.0**futile))
                continue
            if found is None:
                return
            part.unlink(missing_ok=True)
            if before and not has_begun_anew:
                # The first part of it may have been damaged where it lay.
                has_begun_anew = True
                continue
            raise ModelUnavailable(
                f"{url} is not the file that the hub lists: its hash is {found},"
                f" {file.sha256 or file.git_sha1} is expected. Nothing of it was kept."
            )

    def _pause(self, seconds: float) -> None:
        self._stopped.wait(min(seconds, MOST_PAUSE_S))
        self._require_going()

    def _require_going(self) -> None:
        if self._stopped.is_set():
            raise ModelUnavailable("The download was stopped. What has come is kept.")

    def _attempt(
        self, url: str, file: HubFile, part: Path, target: Path, progress: Callable[[int], None]
    ) -> str | None:
        """One connection; the hash that was found when it is another one than expected."""
        try:
            with part.open("a+b") as data:
                return self._received(url, file, data, part, target, progress)
        except (MaoOCRError, _Cut, HTTPError):
            raise
        except http.client.HTTPException as error:
            raise _Cut(why(error, self._patience)) from error
        except OSError as error:
            raise storage_error(part, error) from error

    def _received(
        self,
        url: str,
        file: HubFile,
        data: IO[bytes],
        part: Path,
        target: Path,
        progress: Callable[[int], None],
    ) -> str | None:
        digest, done = self._known(file, data)
        if done < file.size_bytes:
            with self._answer(url, done) as response:
                if done and not _goes_on(response, done):
                    data.truncate(0)
                    digest, done = digest_of(file), 0
                for chunk in self._chunks(url, response):
                    done += len(chunk)
                    if done > file.size_bytes:
                        raise ModelUnavailable(
                            f"{url} sends more than the {file.size_bytes} bytes expected."
                        )
                    data.write(chunk)
                    digest.update(chunk)
                    progress(done)
            if done < file.size_bytes:
                raise _Cut(f"{done} of {file.size_bytes} bytes came")
        progress(done)
        found = digest.hexdigest()
        if found != (file.sha256 or file.git_sha1):
            return found
        publish(data, part, target)
        return None

    def _known(self, file: HubFile, data: IO[bytes]) -> tuple[_Digest, int]:
        """What came before, hashed again."""
        digest, done = digest_of(file), 0
        data.seek(0)
        while chunk := data.read(CHUNK_BYTES):
            self._require_going()
            digest.update(chunk)
            done += len(chunk)
        if done > file.size_bytes:
            data.truncate(0)
            return digest_of(file), 0
        return digest, done

    def _answer(self, url: str, done: int) -> Any:
        headers = {"Range": f"bytes={done}-"} if done else {}
        try:
            return open_url(url, self._patience, headers, self._token)
        except HTTPError as error:
            if error.code not in _PASSING:
                raise
            error.close()
            wanted = error.headers.get("Retry-After", "")
            wait_s = float(wanted) if wanted.isascii() and wanted.isdigit() else 0.0
            raise _Cut(f"status {error.code}", wait_s) from error
        except OSError as error:
            raise _Cut(why(error, self._patience)) from error

    def _chunks(self, url: str, response: Any) -> Any:
        patience = self._patience
        end_s, left = patience.clock() + patience.window_s, patience.window_bytes
        while True:
            self._require_going()
            try:
                chunk = response.read1(CHUNK_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise _Cut(why(error, patience)) from error
            if not chunk:
                return
            yield chunk
            left -= len(chunk)
            if (now_s := patience.clock()) >= end_s:
                if left > 0:
                    raise _Cut(
                        f"less than {patience.window_bytes} bytes in {patience.window_s:g} s"
                    )
                end_s, left = now_s + patience.window_s, patience.window_bytes


def _goes_on(response: Any, done: int) -> bool:
    """The server sends the rest, and not all of it again."""
    if response.status != 206:
        return False
    found = _RANGE.match(response.headers.get("Content-Range", ""))
    return found is not None and int(found[1]) == done
