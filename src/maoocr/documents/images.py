"""Picture files -> upright pages, with Pillow.

Each kind is opened by its own decoder alone: a file can never reach another one, least of all
those that start programs (EPS). A picture that ends early is refused: half a page would be
answered as if it were whole.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import AvifImagePlugin, Image, PngImagePlugin

from ..errors import MaoOCRError, TooLarge, UnreadableDocument
from .kinds import Kind
from .limits import MAX_PAGE_PIXELS, MAX_SIDE, DecodeLimits
from .pixels import to_plain
from .tiff import TiffPage, directory_offsets

__all__ = ["ImageDocument", "LoadedPage", "check_size"]

_FORMATS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "bmp": "BMP",
    "gif": "GIF",
    "tiff": "TIFF",
    "pnm": "PPM",
    "heic": "HEIF",
    "avif": "AVIF",
    "jp2": "JPEG2000",
}
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MAX_METADATA_BYTES = 8 * 1024 * 1024

# The limits of this service are checked from the header, with messages that name the setting.
Image.MAX_IMAGE_PIXELS = None
PngImagePlugin.MAX_TEXT_CHUNK = _MAX_METADATA_BYTES
# The processor time of a page is counted for the whole process: threads would not make it shorter.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


@dataclass(frozen=True, slots=True)
class LoadedPage:
    """An upright page in mode RGB or L.

    Attributes:
        width: of the upright page before it was scaled down, in pixels.
        height: likewise.
        scale: pixels of `image` per pixel of the page, at most 1.
    """

    image: Image.Image
    width: int
    height: int
    scale: float


class ImageDocument:
    """An open picture file; TIFF files have pages."""

    def __init__(self, path: Path, kind: Kind, limits: DecodeLimits) -> None:
        """Open the file, which is read as the kind says."""
        self._kind = kind
        self._limits = limits
        self._file: BinaryIO = path.open("rb")
        try:
            self._offsets = directory_offsets(self._file) if kind.name == "tiff" else [0]
        except BaseException:
            self._file.close()
            raise

    def probe(self) -> tuple[int, int]:
        """The number of pages, and the pixels of the first; 0 where its header makes no sense.

        Raises:
            TooLarge: the only page has too many pixels or too long a side.
            UnreadableDocument: the only page has no header that makes sense.
        """
        pages = len(self._offsets)
        try:
            with self._open(1) as image:
                return pages, image.width * image.height
        except MaoOCRError:
            if pages == 1:
                raise
            return pages, 0

    def page(self, number: int) -> LoadedPage:
        """Decode one page, numbered from 1.

        Raises:
            TooLarge: it has too many pixels or too long a side.
            UnreadableDocument: it is broken.
            InvalidRequest: there is no such page.
        """
        with self._open(number) as image:
            size = image.size
            most = self._limits.max_image_pixels
            if self._kind.name == "jpeg" and size[0] * size[1] > most:
                scale = (most / (size[0] * size[1])) ** 0.5
                image.draft(None, (int(size[0] * scale), int(size[1] * scale)))
            image.load()
            turned = _upright(image)
            # Pillow itself turns a TIFF as it loads it.
            sideways = (turned.width > turned.height) != (size[0] > size[1])
            width, height = (size[1], size[0]) if sideways else size
            plain = to_plain(turned, most)
        return LoadedPage(plain, width, height, min(1.0, plain.width / width))

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()

    @contextmanager
    def _open(self, number: int) -> Iterator[Image.Image]:
        """The picture with its header read and its size checked."""
        try:
            with Image.open(self._source(number), formats=(_FORMATS[self._kind.name],)) as image:
                check_size(image.width, image.height, self._limits)
                yield image
        except (MaoOCRError, MemoryError):
            raise
        except Exception as error:
            # Decoders raise whatever they stumble over, from struct.error to IndexError.
            raise UnreadableDocument(
                f"The file begins as {self._kind.name.upper()}, but it is broken or ends early."
            ) from error

    def _source(self, number: int) -> BinaryIO:
        if self._kind.name == "tiff":
            return TiffPage(self._file, number, self._offsets)  # type: ignore[return-value]
        if self._kind.name == "heic":
            _register_heif()
        if self._kind.name == "webp":
            self._file.seek(0)
            _check_webp(self._file.read(30), self._limits)
        self._file.seek(0)
        return self._file


def check_size(width: int, height: int, limits: DecodeLimits) -> None:
    """Refuse a page that is too large as stored.

    Raises:
        TooLarge: the message names the limit and its setting.
    """
    if width * height > limits.max_page_pixels:
        raise TooLarge(
            f"The page has {width} x {height} pixels; at most {limits.max_page_pixels} in all are"
            f" read ({MAX_PAGE_PIXELS})."
        )
    if max(width, height) > limits.max_side_px:
        raise TooLarge(
            f"The page is {width} x {height} pixels; a side may be at most"
            f" {limits.max_side_px} ({MAX_SIDE})."
        )


def _check_webp(head: bytes, limits: DecodeLimits) -> None:
    """Check the size before libwebp is called, which takes memory for the canvas at once.

    The layouts are those of RFC 9649, sections 2.5 to 2.7.
    """
    chunk = head[12:16]
    if len(head) < 30:
        return
    if chunk == b"VP8X":
        width = int.from_bytes(head[24:27], "little") + 1
        height = int.from_bytes(head[27:30], "little") + 1
    elif chunk == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", head, 26))
    check_size(width, height, limits)


def _register_heif() -> None:
    if "HEIF" in Image.OPEN:
        return
    # Loaded when the first such file comes: it costs every decoder process 10 MB.
    import pi_heif

    pi_heif.register_heif_opener(
        decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
    )


def _upright(image: Image.Image) -> Image.Image:
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:
        # A broken EXIF block says nothing about the picture.
        return image
    turn = _TURNS.get(value) if isinstance(value, int) else None
    return image if turn is None else image.transpose(turn)
