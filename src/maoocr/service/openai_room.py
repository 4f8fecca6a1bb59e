"""Memory for the bodies of calls: they lie there, pictures and all, until their answers end."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Overloaded

__all__ = ["Hold", "Room"]

MOST_BYTES = 256 * 1024 * 1024
"""Of all calls in work or waiting; a few of the largest there may be, or very many pages."""
COME_AGAIN_S = 2.0


class Hold:
    """What one call holds."""

    def __init__(self, room: "Room") -> None:
        self._room = room
        self.size = 0

    def add(self, size: int) -> None:
        """Hold so many bytes more.

        Raises:
            Overloaded: there is no room for them.
        """
        if self._room.used + size > self._room.most:
            raise Overloaded(
                f"The calls of /v1 that are in work hold {self._room.used} bytes already, and"
                f" together they may hold {self._room.most}.",
                retry_after_s=COME_AGAIN_S,
            )
        self._room.used += size
        self.size += size


class Room:
    """Bytes that all calls together may hold."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self.used = 0

    @contextmanager
    def hold(self) -> Iterator[Hold]:
        """A hold that ends with the call."""
        hold = Hold(self)
        try:
            yield hold
        finally:
            self.used -= hold.size
