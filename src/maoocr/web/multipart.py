"""A multipart/form-data body, read as it arrives: one file to the spool, the fields to memory.

RFC 7578. The parser proper is python-multipart's; this module bounds what it may collect.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from ..documents.spool import SpoolWriter
from ..errors import BadInput, InvalidRequest

__all__ = ["FILE_FIELDS", "MultipartReader"]

FILE_FIELDS = ("image", "file")
MAX_PARTS = 64
MAX_FIELD_BYTES = 64 * 1024


@dataclass(slots=True)
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    is_document: bool = False
    value: bytearray = field(default_factory=bytearray)


class MultipartReader:
    """Reads one body: the document goes to `writer`, the other parts become `fields`.

    A part named `image` or `file` is the document whether or not it has a file name. Other parts
    with a file name are refused, so that nobody waits for a second file to be read.
    """

    def __init__(self, boundary: bytes, writer: SpoolWriter) -> None:
        self.fields: dict[str, str] = {}
        self.has_document = False
        self.file_name = ""
        self._writer = writer
        self._chunks: list[bytes] = []
        self._part = _Part()
        self._parts = 0
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
            TooLarge: the document is over the limit.
        """
        async for data in body:
            try:
                self._parser.write(data)
            except MultipartParseError as error:
                raise BadInput(f"The body is not a well-formed multipart form: {error}.") from None
            for chunk in self._chunks:
                await self._writer.write(chunk)
            self._chunks.clear()
        if not self._is_complete:
            raise BadInput("The multipart body ends before its closing boundary.")

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise InvalidRequest(f"The form has more than {MAX_PARTS} parts.")
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
        part.is_document = part.name in FILE_FIELDS
        if part.is_document:
            if self.has_document:
                raise InvalidRequest("The form has more than one image; send one at a time.")
            self.has_document = True
            self.file_name = options.get(b"filename", b"").decode("utf-8", "replace")
        elif b"filename" in options:
            raise InvalidRequest(
                f"The form has a file under the name {part.name[:40]!r}; the image belongs under"
                " the name 'image' (or 'file')."
            )

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_document:
            self._chunks.append(data[start:end])
            return
        self._part.value += data[start:end]
        if len(self._part.value) > MAX_FIELD_BYTES:
            raise InvalidRequest(
                f"The field {self._part.name[:40]!r} is over {MAX_FIELD_BYTES} bytes."
            )

    def _on_part_end(self) -> None:
        part = self._part
        if part.is_document:
            return
        try:
            self.fields[part.name] = part.value.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidRequest(f"The field {part.name[:40]!r} is not UTF-8 text.") from None

    def _on_end(self) -> None:
        self._is_complete = True
