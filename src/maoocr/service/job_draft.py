"""A job on its way in: what is asked, and the documents as they arrive."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..domain import OcrOptions, Requirements
from ..errors import Conflict, InvalidRequest
from ..store.ids import new_id
from ..store.job_rows import Job, NewFile, NewJob
from .job_ports import Blobs, JobRows, Spool
from .options import OPTIONS, parse_options
from .ports import Document
from .requirements import parse_requirements

__all__ = ["MOST_PRIORITY", "Draft", "Wishes"]

MOST_PRIORITY = 100
MAX_KEY_CHARACTERS = 255
MAX_NAME_CHARACTERS = 255
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Wishes:
    """What the fields of a request ask of a job, looked through.

    Attributes:
        options: for all documents.
        requirements: None when there are none.
        engine: by name; None when the service is to choose.
        priority: jobs with a higher one go first.
        webhook_url: is told when the job has ended.
    """

    def __init__(self, fields: Mapping[str, Any], requirements: Mapping[str, Any] | None) -> None:
        """Read them.

        Raises:
            InvalidRequest: a field is wrong; the message names it.
        """
        self.options: OcrOptions = parse_options(fields)
        self.requirements: Requirements | None = (
            None if requirements is None else parse_requirements(requirements)
        )
        self.engine: str | None = fields.get("engine") or None
        self.priority = _priority(fields.get("priority"))
        self.webhook_url: str | None = fields.get("webhook_url") or None
        known = {spec.name for spec in OPTIONS} | {"engine"}
        self._given = {name: fields[name] for name in sorted(known & set(fields))}

    @property
    def options_json(self) -> str:
        """The options as they were given, for the row."""
        return json.dumps(self._given, sort_keys=True)

    @property
    def requirements_json(self) -> str | None:
        """The requirements, for the row."""
        if self.requirements is None:
            return None
        return json.dumps(asdict(self.requirements), sort_keys=True)


class Draft:
    """A job while its documents arrive; ends with `submit` or `discard`."""

    def __init__(
        self, owner: str, blobs: Blobs, rows: JobRows, spool: Spool, max_files: int
    ) -> None:
        self.id = new_id()
        self._owner = owner
        self._blobs = blobs
        self._rows = rows
        self._spool = spool
        self._max_files = max_files
        self._files: list[NewFile] = []
        self.may_be_made = False
        """It was asked for, and who was cut off since cannot tell; without it the documents are
        swept up some day."""

    async def add(self, name: str, document: Document) -> None:
        """Keep a document where it outlives a power cut; it is taken over.

        Raises:
            InvalidRequest: there are too many documents.
            StorageFull: there is no room for it.
        """
        try:
            if len(self._files) >= self._max_files:
                raise InvalidRequest(
                    f"files: there are more than {self._max_files}"
                    " (MAOOCR_JOBS__MAX_FILES). Make several jobs."
                )
            await document.keep()
            blob = f"{self.id}/{document.sha256}"
            await self._blobs.put(blob, self._spool.path(document.sha256))
        finally:
            document.release()
        kind = document.kind
        pages = None if kind.paged else 1
        name = _CONTROLS.sub("_", name)[-MAX_NAME_CHARACTERS:] or f"document-{len(self._files) + 1}"
        self._files.append(NewFile(name, kind.name, document.sha256, document.size, blob, pages))

    async def submit(
        self, wishes: Wishes, *, idempotency_key: str | None, request_id: str
    ) -> tuple[Job, bool]:
        """Make the job; it survives a power cut when this returns.

        Returns:
            The job, and whether it is a new one.

        Raises:
            InvalidRequest: there are no documents, or one has not the pages asked for.
            Conflict: the key was used for another request.
            StoreUnavailable: the database is away.
        """
        if not self._files:
            raise InvalidRequest("files: send at least one document under the name 'files'.")
        if any(file.pages for file in self._files):
            wishes.options.pages.of(1)
        new = NewJob(
            id=self.id,
            owner=self._owner,
            priority=wishes.priority,
            idempotency_key=_checked_key(idempotency_key),
            request_hash=self._hash(wishes),
            request_id=request_id,
            options=wishes.options_json,
            requirements=wishes.requirements_json,
            webhook_url=wishes.webhook_url,
            files=self._files,
        )
        self.may_be_made = True
        try:
            job, is_new = await self._rows.create(new)
        except Conflict:
            self.may_be_made = False
            raise
        if not is_new:
            await self.discard()
        return job, is_new

    async def discard(self) -> None:
        """Forget the documents."""
        await self._blobs.remove(self.id)

    def _hash(self, wishes: Wishes) -> str:
        """Of all that makes two requests the same."""
        files = [[file.name, file.sha256] for file in self._files]
        asked = [wishes.options_json, wishes.requirements_json, wishes.priority, files]
        asked.append(wishes.webhook_url)
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _priority(given: object) -> int:
    text = str(given or "0").strip()
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= 4 and int(digits) <= MOST_PRIORITY:
        return int(text)
    raise InvalidRequest(
        f"priority: a whole number from -{MOST_PRIORITY} to {MOST_PRIORITY} is expected,"
        f" not {given!r:.40}."
    )


def _checked_key(key: str | None) -> str | None:
    if key is None:
        return None
    if not key.strip() or len(key) > MAX_KEY_CHARACTERS:
        raise InvalidRequest(
            f"Idempotency-Key: a text of 1 to {MAX_KEY_CHARACTERS} characters is expected."
        )
    return key
