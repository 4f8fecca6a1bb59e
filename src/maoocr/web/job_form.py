"""A multipart body with many documents, each handed on as soon as it has arrived.

RFC 7578. The parser proper is python-multipart's; this module bounds what it may collect.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from ..documents.spool import Spool, SpoolWriter, Upload
from ..errors import BadInput, InvalidRequest, MaoOCRError

__all__ = ["FILE_FIELDS", "JobForm"]

FILE_FIELDS = ("files", "file", "image")
MAX_FIELDS = 64
MAX_FIELD_BYTES = 64 * 1024

OnDocument = Callable[[str, Upload], Awaitable[None]]


@dataclass(slots=True)
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    file_name: str | None = None
    value: bytearray = field(default_factory=bytearray)


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
        self.fields: dict[str, str] = {}
        self._spool = spool
        self._max_bytes = max_bytes
        self._on_document = on_document
        self._writer: SpoolWriter | None = None
        # What the parser found, in order: a document begins, goes on, ends.
        self._found: list[tuple[str, bytes | None]] = []
        self._part = _Part()
        self._fields = 0
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._is_complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    async def read(self, body: AsyncIterator[bytes]) -> None:
        """Take the whole body.

        Raises:
            BadInput: the body is no multipart form, or one with too much in it.
            MaoOCRError: a document is not acceptable; the message names it.
        """
        name = ""
        try:
            async for data in body:
                try:
                    self._parser.write(data)
                except MultipartParseError as error:
                    raise BadInput(
                        f"The body is not a well-formed multipart form: {error}."
                    ) from None
                found, self._found = self._found, []
                for file_name, chunk in found:
                    name = file_name
                    await self._pass_on(file_name, chunk)
        except MaoOCRError as error:
            if name and self._writer is not None:
                error.message = f"{name[-80:]}: {error.message}"
            raise
        finally:
            if self._writer is not None:
                self._writer.abort()
        if not self._is_complete:
            raise BadInput("The multipart body ends before its closing boundary.")

    async def _pass_on(self, name: str, chunk: bytes | None) -> None:
        if self._writer is None:
            self._writer = self._spool.writer(self._max_bytes)
        if chunk is not None:
            await self._writer.write(chunk)
            return
        upload = await self._writer.finish()
        self._writer = None
        await self._on_document(name, upload)

    def _on_part_begin(self) -> None:
        self._part = _Part()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._part.headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        part = self._part
        _, options = parse_options_header(part.headers.get(b"content-disposition", b""))
        if b"name" not in options:
            raise BadInput("A part of the multipart form has no name.")
        part.name = options[b"name"].decode("utf-8", "replace")
        if part.name in FILE_FIELDS:
            part.file_name = options.get(b"filename", b"").decode("utf-8", "replace")
        elif b"filename" in options:
            raise InvalidRequest(
                f"The form has a file under the name {part.name[:40]!r}; documents belong under"
                " the name 'files'."
            )
        else:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise InvalidRequest(f"The form has more than {MAX_FIELDS} fields.")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part.file_name is not None:
            self._found.append((self._part.file_name, data[start:end]))
            return
        self._part.value += data[start:end]
        if len(self._part.value) > MAX_FIELD_BYTES:
            raise InvalidRequest(
                f"The field {self._part.name[:40]!r} is over {MAX_FIELD_BYTES} bytes."
            )

    def _on_part_end(self) -> None:
        part = self._part
        if part.file_name is not None:
            self._found.append((part.file_name, None))
            return
        try:
            self.fields[part.name] = part.value.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidRequest(f"The field {part.name[:40]!r} is not UTF-8 text.") from None

    def _on_end(self) -> None:
        self._is_complete = True
