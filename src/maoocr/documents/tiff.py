"""The pages of a TIFF file: its chain of image file directories (TIFF 6.0, section 2; BigTIFF)."""

import io
import os
import struct
from typing import BinaryIO

from ..errors import InvalidRequest, TooLarge, UnreadableDocument

__all__ = ["MAX_DIRECTORIES", "TiffPage", "directory_offsets"]

MAX_DIRECTORIES = 100_000
"""More pages than this are not even counted."""


def directory_offsets(file: BinaryIO) -> list[int]:
    """Where each page's directory begins. A chain that leads back into itself ends there.

    Raises:
        UnreadableDocument: not even the first directory lies inside the file.
        TooLarge: there are more than `MAX_DIRECTORIES`.
    """
    size = os.fstat(file.fileno()).st_size
    order, big, at = _header(file)
    found: dict[int, None] = {}
    while at and at not in found:
        following = _next(file, at, size, order, big)
        if following is None:
            break
        found[at] = None
        if len(found) > MAX_DIRECTORIES:
            raise TooLarge(f"The TIFF file has more than {MAX_DIRECTORIES} pages.")
        at = following
    if not found:
        raise UnreadableDocument("The TIFF file has no page: its first directory is not in it.")
    return list(found)


def _header(file: BinaryIO) -> tuple[str, bool, int]:
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in {b"+\0", b"\0+"}
    if len(head) < (16 if big else 8):
        raise UnreadableDocument("The TIFF file ends inside its header.")
    if big:
        (at,) = struct.unpack_from(order + "Q", head, 8)
    else:
        (at,) = struct.unpack_from(order + "I", head, 4)
    return order, big, at


def _next(file: BinaryIO, at: int, size: int, order: str, big: bool) -> int | None:
    """The offset of the directory after the one at `at`; None if that one is not whole."""
    count_format, offset_format, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
    count = _read_int(file, at, size, order + count_format)
    if not count:
        return None
    # A directory without the pointer that ends it is still a page: the last one.
    end = at + struct.calcsize(count_format) + count * entry
    if end > size:
        return None
    return _read_int(file, end, size, order + offset_format) or 0


def _read_int(file: BinaryIO, at: int, size: int, form: str) -> int | None:
    if at + struct.calcsize(form) > size:
        return None
    file.seek(at)
    value: int = struct.unpack(form, file.read(struct.calcsize(form)))[0]
    return value


class TiffPage(io.RawIOBase):
    """A TIFF file as if the given page were its first.

    A decoder walks the chain from the start for each page; with this it finds the page at once,
    and reading all pages of a long document does not take quadratic time.
    """

    def __init__(self, file: BinaryIO, number: int, offsets: list[int]) -> None:
        """Show page `number` (from 1) of the file.

        Raises:
            InvalidRequest: there is no such page.
        """
        if not 1 <= number <= len(offsets):
            raise InvalidRequest(
                f"pages: {number} is asked for, but the document has {len(offsets)} page(s)."
            )
        self._file = file
        file.seek(0)
        head = bytearray(file.read(16))
        order, big, _ = _header(file)
        if big:
            struct.pack_into(order + "Q", head, 8, offsets[number - 1])
        else:
            struct.pack_into(order + "I", head, 4, offsets[number - 1])
        self._head = bytes(head)
        file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int | None = -1, /) -> bytes:
        at = self._file.tell()
        data = self._file.read(-1 if size is None else size)
        if at < len(self._head):
            head = self._head[at : at + len(data)]
            data = head + data[len(head) :]
        return data

    def fileno(self) -> int:
        return self._file.fileno()
