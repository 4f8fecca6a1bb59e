"""Results on stdout or in files."""

import sys
from collections.abc import Mapping
from typing import Any

from ..client import Reply
from ..errors import MaoOCRError, StorageFull
from ..exports import encode_json, formats, one_line, page_object, result_object
from .sources import Source

__all__ = ["Results"]


class Results:
    """Writes each result as it comes."""

    def __init__(self, format_name: str, *, many: bool) -> None:
        """Take the format.

        Args:
            format_name: one of `exports.formats`.
            many: more than one document will come, so their texts need headings.
        """
        self.failures = 0
        self._format_name = format_name
        self._many = many
        self._first = True

    def read(self, source: Source, reply: Reply) -> None:
        """A document was read; pages of it that failed make it a failure too.

        Raises:
            StorageFull: its file cannot be written.
        """
        if reply.pages_done < len(reply.pages):
            self.failures += 1
        self._put(source, self._written(source, reply))

    def failed(self, source: Source, error: MaoOCRError) -> None:
        """A document was not read. With JSON on stdout, it still has its line."""
        self.failures += 1
        if self._format_name in {"json", "jsonl"} and source.target is None:
            told = {"code": error.code, "message": error.message, "retryable": error.retryable}
            self._put(source, encode_json({"file": _name(source), "error": told}))

    def _written(self, source: Source, reply: Reply) -> bytes:
        if self._format_name == "json":
            ids = {"request_id": reply.request_id, "history_id": reply.history_id}
            return _json_line(source, {**result_object(reply.result), **ids})
        if self._format_name == "jsonl":
            return b"".join(_json_line(source, page_object(page)) for page in reply.pages)
        written = formats[self._format_name].write(reply.result)
        if self._many and source.target is None:
            gap = "" if self._first else "\n"
            written = f"{gap}==> {one_line(_name(source))} <==\n".encode() + written
        return written

    def _put(self, source: Source, written: bytes) -> None:
        self._first = False
        if source.target is None:
            sys.stdout.buffer.write(written)
            sys.stdout.buffer.flush()
            return
        try:
            source.target.parent.mkdir(parents=True, exist_ok=True)
            source.target.write_bytes(written)
        except OSError as error:
            raise StorageFull(
                f"{source.target} cannot be written: {error.strerror or error}."
            ) from error


def _json_line(source: Source, values: Mapping[str, Any]) -> bytes:
    return encode_json({"file": _name(source), **values})


def _name(source: Source) -> str:
    # A name on disk may be no Unicode; what stands for its odd bytes cannot be written.
    return source.name.encode("utf-8", "replace").decode()
