"""A multipart/form-data body, read as it arrives: documents are handed on, fields are kept.

RFC 7578. The parser proper is python-multipart's; this module bounds what it may collect.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from ..documents.spool import SpoolWriter
from ..errors import BadInput, InvalidRequest

__all__ = ["FILE_FIELDS", "MultipartForm", "MultipartReader"]

FILE_FIELDS = ("image", "file")
MAX_FIELDS = 64
MAX_FIELD_BYTES = 64 * 1024

DocumentChunk = tuple[str, bytes | None]
"""The file name of a document and some of its bytes, or None at its end."""


@dataclass(slots=True)
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    file_name: str | None = None
    value: bytearray = field(default_factory=bytearray)


class MultipartForm:
    """Takes a body apart.

    A part whose name is one of those for documents is one whether or not it has a file name. Other
    parts with a file name are refused, so that nobody waits for a file that is not read.
    """

    def __init__(
        self, boundary: bytes, file_fields: tuple[str, ...], *, most_documents: int | None = None
    ) -> None:
        """Make it.

        Args:
            boundary: of the body.
            file_fields: names under which documents come, the usual one first.
            most_documents: that it may have; None for any number.
        """
        self.fields: dict[str, str] = {}
        self.file_names: list[str] = []
        self._file_fields = file_fields
        self._most_documents = most_documents
        self._found: list[DocumentChunk] = []
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

    async def documents(self, body: AsyncIterator[bytes]) -> AsyncIterator[DocumentChunk]:
        """Take the whole body, and give of the documents what has come, in order.

        Raises:
            BadInput: the body is no multipart form, or one with too much in it.
        """
        async for data in body:
            try:
                self._parser.write(data)
            except MultipartParseError as error:
                raise BadInput(f"The body is not a well-formed multipart form: {error}.") from None
            found, self._found = self._found, []
            for chunk in found:
                yield chunk
        if not self._is_complete:
            raise BadInput("The multipart body ends before its closing boundary.")

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
        if part.name in self._file_fields:
            part.file_name = options.get(b"filename", b"").decode("utf-8", "replace")
            self._count_document(part.file_name)
        elif b"filename" in options:
            usual, *others = map(repr, self._file_fields)
            raise InvalidRequest(
                f"The form has a file under the name {part.name[:40]!r}; documents belong under"
                f" the name {usual} (or {', '.join(others)})."
            )
        else:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise InvalidRequest(f"The form has more than {MAX_FIELDS} fields.")

    def _count_document(self, file_name: str) -> None:
        if self._most_documents is not None and len(self.file_names) >= self._most_documents:
            raise InvalidRequest("The form has more than one image; send one at a time.")
        self.file_names.append(file_name)

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


class MultipartReader:
    """Reads a body with one document, which goes to `writer`."""

    def __init__(self, boundary: bytes, writer: SpoolWriter) -> None:
        self._form = MultipartForm(boundary, FILE_FIELDS, most_documents=1)
        self._writer = writer

    @property
    def fields(self) -> dict[str, str]:
        """The other parts."""
        return self._form.fields

    @property
    def has_document(self) -> bool:
        """There was one, be it empty."""
        return bool(self._form.file_names)

    @property
    def file_name(self) -> str:
        """That the caller gave the document; empty where he gave none."""
        return self._form.file_names[0] if self._form.file_names else ""

    async def read(self, body: AsyncIterator[bytes]) -> None:
        """Take the whole body.

        Raises:
            BadInput: the body is no multipart form, or one with too much in it.
            TooLarge: the document is over the limit.
        """
        async for _, chunk in self._form.documents(body):
            if chunk is not None:
                await self._writer.write(chunk)
