"""What decoding one page may cost."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # The decoder's process has no use for pydantic, which takes longer to load than Pillow does.
    from ..settings import LimitSettings

__all__ = [
    "DECODER_MEMORY",
    "DECODE_SECONDS",
    "MAX_BODY_BYTES",
    "MAX_IMAGE_PIXELS",
    "MAX_PAGE_PIXELS",
    "MAX_SIDE",
    "DecodeLimits",
]

MAX_BODY_BYTES = "MAOOCR_LIMITS__MAX_BODY_BYTES"
MAX_PAGE_PIXELS = "MAOOCR_LIMITS__MAX_PAGE_PIXELS"
MAX_SIDE = "MAOOCR_LIMITS__MAX_SIDE_PX"
DECODE_SECONDS = "MAOOCR_LIMITS__DECODE_SECONDS"
DECODER_MEMORY = "MAOOCR_LIMITS__DECODER_MEMORY_BYTES"

MAX_IMAGE_PIXELS = 25_000_000
"""Pixels that an engine is given at most: A4 at 500 dpi, or a photograph of 24 megapixels."""


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """The limits of one page; those that have a setting are named after it.

    Attributes:
        max_pages: most pages that one request may ask for; documents may have more.
        max_page_pixels: most pixels of a page as stored.
        max_side_px: longest side of a page as stored.
        decode_seconds: processor time of one page; the wall clock may show `WALL_FACTOR` times it.
        memory_bytes: private memory of the process that decodes.
        max_image_pixels: a page with more pixels is scaled down to this many.
    """

    max_pages: int = 500
    max_page_pixels: int = 120_000_000
    max_side_px: int = 32_767
    decode_seconds: float = 15.0
    memory_bytes: int = 1536 * 1024 * 1024
    max_image_pixels: int = MAX_IMAGE_PIXELS

    @classmethod
    def from_settings(cls, limits: "LimitSettings") -> "DecodeLimits":
        """The part of the settings that decoding needs."""
        return cls(
            max_pages=limits.max_pages,
            max_page_pixels=limits.max_page_pixels,
            max_side_px=limits.max_side_px,
            decode_seconds=limits.decode_seconds,
            memory_bytes=limits.decoder_memory_bytes,
        )
