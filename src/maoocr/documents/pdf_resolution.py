"""The resolution that suits a PDF page."""

import math

from ..errors import TooLarge
from .limits import DecodeLimits

__all__ = ["POINTS_PER_INCH", "page_pixels"]

POINTS_PER_INCH = 72.0
MAX_SIDE_PT = 14_400.0
"""Longest side that the format knows: 200 inches (ISO 32000-1, annex C.2)."""

_DPI = 200.0
_SCAN_DPI = (72.0, 300.0)
_SMALL_PAGE_PX = 1200
_SMALL_PAGE_DPI = 300.0


def page_pixels(
    width_pt: float,
    height_pt: float,
    *,
    limits: DecodeLimits,
    scan_dpi: float | None = None,
    asked_dpi: int | None = None,
) -> tuple[int, int]:
    """Width and height in pixels at which to render a page.

    Text in print is legible to an engine at 200 dpi; small pages (tickets, cards) carry smaller
    print and get up to 300. A page that is one scanned picture gets that picture's own resolution,
    since more would only blur it. The pixel limit goes before everything, also before what was
    asked for.

    Args:
        width_pt: of the page as it is shown, in points.
        height_pt: likewise.
        limits: `max_image_pixels` and `max_side_px` hold for the result.
        scan_dpi: resolution of the picture that covers the page, if one does.
        asked_dpi: what the caller wants instead.

    Raises:
        TooLarge: a side is longer than the format allows.
    """
    longest = max(width_pt, height_pt)
    if longest > MAX_SIDE_PT:
        raise TooLarge(
            f"The page measures {width_pt:.0f} x {height_pt:.0f} points; a side may be at most"
            f" {MAX_SIDE_PT:.0f}, the limit of the format."
        )
    if asked_dpi is not None:
        dpi = float(asked_dpi)
    elif scan_dpi is not None:
        dpi = min(max(scan_dpi, _SCAN_DPI[0]), _SCAN_DPI[1])
    else:
        enough = _SMALL_PAGE_PX * POINTS_PER_INCH / max(longest, 1.0)
        dpi = min(max(_DPI, enough), _SMALL_PAGE_DPI)
    scale = dpi / POINTS_PER_INCH
    area = max(width_pt * height_pt, 1e-6)
    scale = min(
        scale, math.sqrt(limits.max_image_pixels / area), limits.max_side_px / max(longest, 1e-3)
    )
    width = max(1, math.floor(width_pt * scale + 1e-6))
    height = max(1, math.floor(height_pt * scale + 1e-6))
    return min(width, limits.max_image_pixels // height), height
