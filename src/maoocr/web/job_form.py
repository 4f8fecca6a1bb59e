"""A multipart body with many documents, each handed on as soon as it has arrived."""

from collections.abc import AsyncIterator, Awaitable, Callable

from ..documents.spool import Spool, SpoolWriter, Upload
from ..errors import MaoOCRError
from .multipart import MultipartForm

__all__ = ["JobForm"]

FILE_FIELDS = ("files", "file", "image")

OnDocument = Callable[[str, Upload], Awaitable[None]]


class JobForm:
    """Reads one body: documents go to the spool and on from there, other parts become `fields`."""

    def __init__(
        self, boundary: bytes, spool: Spool, max_bytes: int, on_document: OnDocument
    ) -> None:
        """Make it.

        Args:
            boundary: of the body.
            spool: where a document arrives.
            max_bytes: of one document.
            on_document: is given each, with the name that the caller gave it, and takes it over.
        """
        self._form = MultipartForm(boundary, FILE_FIELDS)
        self._spool = spool
        self._max_bytes = max_bytes
        self._on_document = on_document
        self._writer: SpoolWriter | None = None

    @property
    def fields(self) -> dict[str, str]:
        """The parts that are no documents."""
        return self._form.fields

    async def read(self, body: AsyncIterator[bytes]) -> None:
        """Take the whole body.

        Raises:
            BadInput: the body is no multipart form, or one with too much in it.
            MaoOCRError: a document is not acceptable; the message names it.
        """
        name = ""
        try:
            async for name, chunk in self._form.documents(body):
                await self._pass_on(name, chunk)
        except MaoOCRError as error:
            if name and self._writer is not None:
                error.message = f"{name[-80:]}: {error.message}"
            raise
        finally:
            if self._writer is not None:
                self._writer.abort()

    async def _pass_on(self, name: str, chunk: bytes | None) -> None:
        if self._writer is None:
            self._writer = self._spool.writer(self._max_bytes)
        if chunk is not None:
            await self._writer.write(chunk)
            return
        upload = await self._writer.finish()
        self._writer = None
        await self._on_document(name, upload)
