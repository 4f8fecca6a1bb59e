"""A zip of many files, in pieces as it grows: no more than one file is in memory."""

import io
import re
import zipfile
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import PurePosixPath

__all__ = ["file_names", "zipped"]

_DATE = (1980, 1, 1, 0, 0, 0)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


class _Pipe(io.RawIOBase):
    """Takes what is written and gives it out; cannot go back."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._written += piece
        return len(piece)

    def take(self) -> bytes:
        """What was written since the last time."""
        taken, self._written = bytes(self._written), bytearray()
        return taken


async def zipped(files: AsyncIterable[tuple[str, bytes]]) -> AsyncIterator[bytes]:
    """The pieces of a zip of these files, in order; the same files give the same bytes."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        async for name, data in files:
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
            yield pipe.take()
    yield pipe.take()


def file_names(names: list[str], suffix: str) -> list[str]:
    """A name in the zip for each document: below its top, harmless, and no two alike.

    Args:
        names: of the documents, with folders perhaps.
        suffix: of the files, with its dot; added to the names.
    """
    taken: set[str] = set()
    found = []
    for name in names:
        parts = [
            p for p in PurePosixPath(_UNSAFE.sub("_", name)).parts if p not in {"/", "..", "."}
        ]
        base = "/".join(parts) or "document"
        chosen, count = f"{base}{suffix}", 1
        while chosen.lower() in taken:
            count += 1
            chosen = f"{base}-{count}{suffix}"
        taken.add(chosen.lower())
        found.append(chosen)
    return found
