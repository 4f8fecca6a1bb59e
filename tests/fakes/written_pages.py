"""Pages with lines of which everything is known: drawn text, black on white."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["LINES", "LINE_PX", "Page", "written"]

Page = NDArray[np.uint8]
"""RGB, shape (h, w, 3)."""

LINES = (
    "The quick brown fox jumps",
    "over the lazy dog while the",
    "invoice total of 1234.56 EUR",
    "remains unpaid since Monday",
    "and nobody seems to care",
    "about the second reminder",
)
LINE_PX = 70
"""From one line to the next; the first stands about 60 px below the top, 40 px from the left."""


def written(*lines: str, width: int = 900, scale: float = 1.2) -> Page:
    """A page with these lines.

    Args:
        lines: from the top.
        width: of the page in pixels; its height follows from the lines.
        scale: of the letters, 1.2 being about 36 px.
    """
    page = np.full((60 + LINE_PX * len(lines), width, 3), 255, np.uint8)
    for i, line in enumerate(lines):
        at = (40, 70 + LINE_PX * i)
        cv2.putText(page, line, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20), 2, cv2.LINE_AA)
    return page
