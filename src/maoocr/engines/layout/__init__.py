"""The blocks of a page without a model: columns, headings, paragraphs, lists and tables.

Rules over lines and their polygons, and over the rulings and strokes in the picture where there is
one. Pure functions: the same lines and picture give the same blocks.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...domain import Block, TextLine
from .page import blocks_of

__all__ = ["page_blocks"]


def page_blocks(
    lines: Sequence[TextLine],
    width: int,
    height: int,
    image: NDArray[np.uint8] | None = None,
    *,
    tight: bool = False,
) -> tuple[Block, ...]:
    """The blocks of a page, in reading order.

    Args:
        lines: of the page, in reading order; their words, where they have any, tell where a line
            that runs through several cells is to be cut.
        width: of the page, in the pixels that the polygons are in.
        height: likewise.
        image: of the upright page, RGB, shape (height, width, 3); without one, tables are found by
            their columns only and headings by their size.
        tight: polygons end with the ink, as those of a text layer do.
    """
    return blocks_of(lines, (width, height), image, tight=tight)
