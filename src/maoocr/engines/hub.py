"""What a model hub says of a repository: its commit, and its files with sizes and hashes.

The protocol is that of the Hugging Face Hub, which its mirrors speak as well:
`/api/models/{repository}/revision/{revision}` names the commit, `/api/models/…/tree/{commit}` the
files (of a large file the SHA-256 as `lfs.oid`, of each the SHA-1 of its git blob as `oid`), and
`/{repository}/resolve/{commit}/{path}` brings one of them, mostly by way of another host.
"""

import http.client
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit

from ..errors import ModelUnavailable
from .download import CHUNK_BYTES
from .download_source import Patience, open_url, require_safe_url, why

__all__ = ["Hub", "HubFile", "Snapshot", "is_plain_path"]

MOST_ANSWER_BYTES = 32 * 1024**2
MOST_LISTS = 100
"""Pages of one list of files that are asked for."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')


def is_plain_path(path: str) -> bool:
    """It stays below the folder that it is taken from."""
    pure = PurePosixPath(path)
    odd = "\\" in path or not path.isprintable() or str(pure) != path
    return not (odd or pure.is_absolute() or not pure.name or ".." in pure.parts)


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository; exactly one of its hashes is known.

    Attributes:
        path: below the repository.
        sha256: of the content; empty for small files.
        git_sha1: of the git blob that holds it: of `blob <size>`, a NUL, and the content.
    """

    path: str
    size_bytes: int
    sha256: str = ""
    git_sha1: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository at one commit."""

    repository: str
    commit: str
    files: tuple[HubFile, ...]


class Hub:
    """Asks one hub, or a mirror of it."""

    def __init__(self, url: str, token: str = "", patience: Patience | None = None) -> None:
        """Make it; nothing is asked yet.

        Args:
            url: base, such as `https://huggingface.co`.
            token: of an account, for repositories that are gated; empty for none.
            patience: how long it may take.

        Raises:
            ModelUnavailable: the address is neither https nor on this machine.
        """
        self.url = url.rstrip("/")
        self.token = token
        self.patience = patience or Patience()
        require_safe_url(self.url)

    def snapshot(self, repository: str, revision: str) -> Snapshot:
        """The commit that a revision means now, and all its files.

        Args:
            repository: `owner/name`.
            revision: branch, tag or commit.

        Raises:
            ModelUnavailable: the hub cannot be reached, or does not give it; says why.
        """
        base = f"{self.url}/api/models/{quote(repository)}"
        about, _ = self._json(f"{base}/revision/{quote(revision, safe='')}", repository, revision)
        commit = about.get("sha") if isinstance(about, dict) else None
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise ModelUnavailable(f"{base} names no commit: it is no model hub, or another kind.")
        files = tuple(self._files(base, repository, commit))
        if not files:
            raise ModelUnavailable(f"{repository} has no files at {commit}.")
        return Snapshot(repository, commit, files)

    def file_url(self, repository: str, commit: str, path: str) -> str:
        """Where one file is."""
        return f"{self.url}/{quote(repository)}/resolve/{commit}/{quote(path)}"

    def explained(self, error: HTTPError, repository: str, revision: str) -> ModelUnavailable:
        """A refusal of the hub, as a sentence that says what to do."""
        code = error.headers.get("X-Error-Code", "")
        page = f"{self.url}/{repository}"
        if code == "RevisionNotFound" or (error.code == 404 and code != "RepoNotFound"):
            text = f"{repository} has no revision or file {revision!r} at {self.url}."
        elif code == "GatedRepo" or error.code == 403:
            text = (
                f"{repository} is gated, and the token of HF_TOKEN may not read it: accept its"
                f" conditions at {page} with the same account."
                if self.token
                else f"{repository} is gated: accept its conditions at {page}, and set HF_TOKEN to"
                " a token of the same account."
            )
        elif error.code == 401 and self.token:
            text = f"{self.url} does not take the token of HF_TOKEN, or has no {repository}."
        elif error.code in {401, 404}:
            text = (
                f"{self.url} gives no {repository}: there is none of that name, or it is private"
                " and wants a token (HF_TOKEN)."
            )
        else:
            text = f"{self.url} answered {error.code} {error.reason} about {repository}."
        return ModelUnavailable(text)

    def _files(self, base: str, repository: str, commit: str) -> Iterator[HubFile]:
        url: str | None = f"{base}/tree/{commit}?recursive=true"
        for _ in range(MOST_LISTS):
            if url is None:
                return
            entries, headers = self._json(url, repository, commit)
            for entry in entries if isinstance(entries, list) else []:
                if isinstance(entry, dict) and entry.get("type") == "file":
                    yield _file_of(entry, repository)
            url = self._next(headers.get("Link", ""))
        raise ModelUnavailable(f"{repository} has more files than are taken.")

    def _next(self, link: str) -> str | None:
        found = _NEXT.search(link)
        if found is None:
            return None
        if urlsplit(found[1])[:2] != urlsplit(self.url)[:2]:
            raise ModelUnavailable(f"{self.url} continues its list at {found[1]!r}: refused.")
        return found[1]

    def _json(self, url: str, repository: str, revision: str) -> tuple[Any, Mapping[str, str]]:
        try:
            with open_url(url, self.patience, key=self.token) as response:
                return json.loads(self._body(url, response)), response.headers
        except HTTPError as error:
            error.close()
            raise self.explained(error, repository, revision) from error
        except ValueError as error:
            raise ModelUnavailable(f"{url} did not answer with JSON: no model hub?") from error
        except (OSError, http.client.HTTPException) as error:
            reason = why(error, self.patience)
            raise ModelUnavailable(f"{url} cannot be reached: {reason}.") from error

    def _body(self, url: str, response: Any) -> bytes:
        body = bytearray()
        end_s = self.patience.clock() + self.patience.window_s
        while chunk := response.read1(CHUNK_BYTES):
            body += chunk
            if len(body) > MOST_ANSWER_BYTES or self.patience.clock() > end_s:
                raise ModelUnavailable(f"{url} answers with too much, or too slowly.")
        return bytes(body)


def _file_of(entry: Mapping[str, Any], repository: str) -> HubFile:
    path, size, large = entry.get("path"), entry.get("size"), entry.get("lfs")
    if not isinstance(path, str) or not is_plain_path(path):
        raise ModelUnavailable(f"{repository} has a file {str(path)[:80]!r}: refused.")
    if isinstance(large, dict):
        size, sha256 = large.get("size", size), str(large.get("oid", "")).removeprefix("sha256:")
        if isinstance(size, int) and size >= 0 and _SHA256.fullmatch(sha256):
            return HubFile(path, size, sha256=sha256)
    elif isinstance(size, int) and size >= 0 and _COMMIT.fullmatch(str(entry.get("oid", ""))):
        return HubFile(path, size, git_sha1=str(entry["oid"]))
    raise ModelUnavailable(f"{repository}: the hub tells no size or hash of {path}.")
