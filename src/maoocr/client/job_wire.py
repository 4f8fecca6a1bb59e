"""Jobs on the wire, for the clients with and without `await`."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import httpx
import msgspec

from ..domain import Requirements
from ..errors import MaoOCRError
from .wire import Asked, Call, as_text, json_object, requirements_object, success

__all__ = [
    "JOBS",
    "EventReader",
    "JobDocument",
    "cancel_call",
    "list_call",
    "result_object_of",
    "results_query",
    "show_call",
    "submit_call",
]

JOBS = "/api/ocr/jobs"

JobDocument = str | os.PathLike[str] | tuple[str, bytes | str | os.PathLike[str]]
"""A path, or a name with a path or the bytes."""


class _File:
    """A file that is open only while it is read: a job may have more of them than a process may."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._file: IO[bytes] | None = None

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._close()
        self._at = offset + (self._path.stat().st_size if whence == os.SEEK_END else 0)
        return self._at

    def read(self, size: int = -1) -> bytes:
        if self._file is None:
            self._file = self._path.open("rb")
            self._file.seek(self._at)
        data = self._file.read(size)
        self._at += len(data)
        if not data:
            self._close()
        return data

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def submit_call(
    documents: Sequence[JobDocument],
    requirements: Requirements | Mapping[str, Any] | None,
    priority: int,
    idempotency_key: str | None,
    asked: Asked,
) -> Call[dict[str, Any]]:
    """A new job.

    Raises:
        OSError: a path cannot be read.
    """
    fields = {name: as_text(value) for name, value in asked.items() if value is not None}
    fields["priority"] = str(priority)
    if requirements is not None:
        fields["requirements"] = json.dumps(requirements_object(requirements))
    files = [("files", _part(document)) for document in documents]
    headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
    parts = {"data": fields, "files": files, "headers": headers}
    return Call("POST", JOBS, json_object, parts)


def show_call(job: str) -> Call[dict[str, Any]]:
    """One job."""
    return Call("GET", f"{JOBS}/{job}", json_object)


def cancel_call(job: str) -> Call[dict[str, Any]]:
    """The end of a job."""
    return Call("DELETE", f"{JOBS}/{job}", json_object)


def list_call(limit: int, cursor: str | None, status: str | None) -> Call[dict[str, Any]]:
    """The caller's jobs."""
    given = {"limit": limit, "cursor": cursor, "status": status}
    query = {name: value for name, value in given.items() if value is not None}
    return Call("GET", JOBS, json_object, {"params": query})


def results_query(after: int, *, follow: bool) -> dict[str, str]:
    """The query of a stream of results."""
    return {"after": str(after), "follow": as_text(follow)}


def result_object_of(line: str) -> dict[str, Any]:
    """One line of the results."""
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise MaoOCRError(f"The server's answer is not understood: {error}.") from error


class EventReader:
    """Server-sent events out of their lines; remembers where to go on.

    Attributes:
        last: number of the last event that had one.
        is_over: the job has ended, and all was told.
    """

    def __init__(self, after: int) -> None:
        self.last = after
        self.is_over = False
        self._fields: dict[str, str] = {}

    @property
    def headers(self) -> dict[str, str]:
        """Of the request that goes on here."""
        return {"Last-Event-ID": str(self.last), "Accept": "text/event-stream"}

    def begin(self, response: httpx.Response, body: bytes) -> None:
        """Look at the head of an answer; its body only matters where it is an error."""
        if not response.is_success:
            success(httpx.Response(response.status_code, headers=response.headers, content=body))
        self.is_over = response.status_code == 204
        self._fields = {}

    def read(self, line: str) -> Iterator[dict[str, Any]]:
        """The event that ends with this line, if one does: `type` and `data`."""
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return
        fields, self._fields = self._fields, {}
        if "event" not in fields:
            return
        if fields.get("id", "").isdigit():
            self.last = int(fields["id"])
        self.is_over = fields["event"] == "end"
        yield {"type": fields["event"], "data": result_object_of(fields["data"])}


def _part(document: JobDocument) -> tuple[str, Any, str]:
    if isinstance(document, tuple):
        name, content = document
    else:
        name, content = Path(document).name, document
    if isinstance(content, bytes):
        return name, content, "application/octet-stream"
    path = Path(content)
    with path.open("rb"):
        # Whether it can be read shows before anything is sent.
        pass
    return name, _File(path), "application/octet-stream"
