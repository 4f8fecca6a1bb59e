"""A document of which a small picture is taken while it is read."""

import asyncio
from typing import Protocol

from ..documents.kinds import Kind
from .ports import Document

__all__ = ["PictureTaker", "Pictured"]


class PictureTaker(Protocol):
    """Takes small pictures and remembers the last ones."""

    def known(self, sha256: str) -> bytes | None: ...
    async def take(self, document: Document) -> None: ...


class Pictured:
    """Passes for the document: the picture is begun when its bytes are kept for the lanes.

    An answer from the cache keeps nothing, so it costs no picture.
    """

    def __init__(self, document: Document, pictures: PictureTaker) -> None:
        self._document = document
        self._pictures = pictures
        self._taking: asyncio.Task[None] | None = None

    @property
    def sha256(self) -> str:
        """See `Document`."""
        return self._document.sha256

    @property
    def size(self) -> int:
        """See `Document`."""
        return self._document.size

    @property
    def kind(self) -> Kind:
        """See `Document`."""
        return self._document.kind

    @property
    def picture(self) -> bytes | None:
        """The picture; None while there is none: nobody waits for it."""
        return self._pictures.known(self.sha256)

    async def keep(self) -> None:
        """See `Document`."""
        await self._document.keep()
        if self._taking is None:
            self._taking = asyncio.create_task(self._pictures.take(self._document))

    def release(self) -> None:
        """Let the bytes go, as soon as the picture is taken."""
        if self._taking is None or self._taking.done():
            self._document.release()
        else:
            self._taking.add_done_callback(lambda _: self._document.release())
