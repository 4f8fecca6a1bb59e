"""The lines of an event stream, from the bytes as they come (WHATWG HTML, 9.2.6)."""

from collections.abc import Iterator

__all__ = ["EventLines", "LineTooLong"]

MOST_LINE_BYTES = 1024 * 1024
"""No piece of an answer is nearly that long."""


class LineTooLong(Exception):
    """The server sends a line without an end."""


class EventLines:
    """Collects bytes and gives the data of each whole line.

    Lines end at a line feed and nowhere else: servers do not escape U+2028 and its kind, at which
    `str.splitlines` would cut a piece of text in two.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The data of each line that is whole now; comments and other fields are left out.

        Raises:
            LineTooLong: a line is longer than any server of good will sends.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MOST_LINE_BYTES:
            raise LineTooLong
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
