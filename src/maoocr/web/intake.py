"""From a request to a document on the spool and the fields beside it."""

import asyncio
import base64
import binascii
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from ..documents.spool import Spool, SpoolWriter, Upload
from ..errors import BadInput, Forbidden, InvalidRequest, TooLarge, UnsupportedMedia
from ..outbound.fetch import Fetcher
from ..settings import Settings
from .body import body_chunks, json_object, while_connected
from .local_files import spool_local_file
from .multipart import MultipartReader

__all__ = ["Intake", "IntakeReader"]

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,", re.ASCII | re.I)
_SOURCES = ("image_base64", "image_url", "image_path")
_RAW = re.compile(r"image/[\w.+-]+|application/pdf|application/octet-stream", re.ASCII)
_LARGE_JSON_BYTES = 1024 * 1024
_SAME_TYPE = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-ms-bmp": "image/bmp"}


@dataclass(frozen=True, slots=True)
class Intake:
    """What a request brought.

    Attributes:
        upload: the document; whoever takes it releases it.
        fields: everything else, as text (forms, query) or JSON values.
        upload_s: seconds from the first byte of the body to the last.
        name: of the file, as the caller gave it; may be empty.
    """

    upload: Upload
    fields: Mapping[str, Any]
    upload_s: float
    name: str = ""


class IntakeReader:
    """Reads requests of every form that is taken: multipart, JSON, raw."""

    def __init__(self, settings: Settings, spool: Spool, fetcher: Fetcher | None = None) -> None:
        """Make a reader.

        Args:
            settings: the whole tree.
            spool: where documents go.
            fetcher: of documents behind URLs; without one, `image_url` is refused.
        """
        self._settings = settings
        self._spool = spool
        self._fetcher = fetcher
        # A JSON body lies in memory twice while its base64 is decoded, so few large ones at once.
        self._large_json = asyncio.Semaphore(4)

    async def read(self, request: Request, client: str = "") -> Intake:
        """Take the body of a request.

        Args:
            request: whose body has not been read.
            client: who shares the fetches with the others.

        Raises:
            MaoOCRError: the body is not acceptable.
        """
        started, name = time.monotonic(), ""
        content_type, options = parse_options_header(request.headers.get("content-type", ""))
        if content_type == b"multipart/form-data":
            upload, fields, name = await self._multipart(
                request, options.get(b"boundary", b""), client
            )
        elif content_type == b"application/json":
            upload, fields = await self._json(request, client)
        elif _RAW.fullmatch(content_type.decode("latin-1")):
            upload, fields = await self._raw(request)
        else:
            shown = content_type.decode("latin-1")[:60]
            raise UnsupportedMedia(
                (f"Content-Type {shown!r} is not taken." if shown else "There is no Content-Type.")
                + " Send multipart/form-data with an `image`, application/json with `image_base64`,"
                " or the bytes as they are with an image type or application/pdf."
            )
        query = {name: request.query_params[name] for name in request.query_params}
        return Intake(upload, {**query, **fields}, time.monotonic() - started, name)

    async def _multipart(
        self, request: Request, boundary: bytes, client: str
    ) -> tuple[Upload, Mapping[str, Any], str]:
        if not boundary or len(boundary) > 256:
            raise BadInput("The multipart Content-Type has no usable boundary.")
        writer = self._spool.writer(self._settings.limits.max_body_bytes)
        reader = MultipartReader(boundary, writer)
        try:
            await reader.read(body_chunks(request, self._settings.limits))
            url = reader.fields.pop("image_url", "")
            if url and reader.has_document:
                raise InvalidRequest("The form must have an image or an image_url, not both.")
            if url:
                await self._fetch(request, client, url, writer)
            elif not reader.has_document:
                raise InvalidRequest("The form has no image: send it under the name 'image'.")
            return await writer.finish(), reader.fields, reader.file_name
        except BaseException:
            writer.abort()
            raise

    async def _raw(self, request: Request) -> tuple[Upload, Mapping[str, Any]]:
        writer = self._spool.writer(self._settings.limits.max_body_bytes)
        try:
            async for chunk in body_chunks(request, self._settings.limits):
                await writer.write(chunk)
            return await writer.finish(), {}
        except BaseException:
            writer.abort()
            raise

    async def _json(self, request: Request, client: str) -> tuple[Upload, Mapping[str, Any]]:
        body = bytearray()
        is_large = False
        try:
            async for chunk in body_chunks(request, self._settings.limits):
                body += chunk
                if len(body) > _LARGE_JSON_BYTES and not is_large:
                    await self._large_json.acquire()
                    is_large = True
            fields = json_object(body)
            given = [name for name in _SOURCES if fields.get(name) is not None]
            if len(given) != 1:
                raise InvalidRequest(
                    "The JSON body must have exactly one of image_base64, image_url and image_path."
                )
            source = fields.pop(given[0])
            if not isinstance(source, str):
                raise InvalidRequest(f"{given[0]}: a text is expected.")
            body.clear()
            if is_large and given[0] != "image_base64":
                raise TooLarge(
                    f"A JSON body without image_base64 may have {_LARGE_JSON_BYTES} bytes."
                )
            return await self._source(request, client, given[0], source), fields
        finally:
            if is_large:
                self._large_json.release()

    async def _source(self, request: Request, client: str, name: str, value: str) -> Upload:
        if name == "image_base64":
            return await self._base64(value)
        writer = self._spool.writer(self._settings.limits.max_body_bytes)
        if name == "image_path":
            return await spool_local_file(self._settings.local_files_root, value, writer)
        try:
            await self._fetch(request, client, value, writer)
            return await writer.finish()
        except BaseException:
            writer.abort()
            raise

    async def _fetch(self, request: Request, client: str, url: str, writer: SpoolWriter) -> None:
        if self._fetcher is None:
            raise Forbidden(
                "image_url is not offered: this server fetches nothing on behalf of its callers"
                " (MAOOCR_OUTBOUND__IMAGE_URL). Send the bytes as multipart/form-data or as"
                " image_base64."
            )
        work = self._fetcher.fetch(url, writer.write, client=client)
        await while_connected(request, work)

    async def _base64(self, text: str) -> Upload:
        prefix = _DATA_URL.match(text[:200])
        if prefix is None and text[:5].lower() == "data:":
            raise InvalidRequest("image_base64: the data: URL is not one of base64.")
        encoded = text[prefix.end() :] if prefix else text
        data = await asyncio.to_thread(_decode_base64, encoded)
        writer = self._spool.writer(self._settings.limits.max_body_bytes)
        try:
            await writer.write(data)
            upload = await writer.finish()
        except BaseException:
            writer.abort()
            raise
        claimed = (prefix[1] or "").lower() if prefix else ""
        claimed = _SAME_TYPE.get(claimed, claimed)
        if claimed not in {"", "application/octet-stream", upload.kind.media_type}:
            upload.release()
            raise InvalidRequest(
                f"image_base64: the data: URL says {claimed[:60]}, but the bytes are"
                f" {upload.kind.media_type}."
            )
        return upload


def _decode_base64(text: str) -> bytes:
    try:
        # Line breaks are how many tools wrap base64 (RFC 2045); anything else is a mistake.
        return base64.b64decode(text.translate({10: None, 13: None}).encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"image_base64: this is not base64: {error}.") from None
