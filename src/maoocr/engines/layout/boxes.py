"""Boxes in the plane. A box is float32 of shape (4, 2), corners clockwise from its top left."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Boxes", "box_angles", "box_sizes"]

Box = NDArray[np.float32]
Boxes = NDArray[np.float32]
"""Shape (n, 4, 2)."""


def box_sizes(boxes: Boxes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lengths of the top and of the left side of each box, in pixels."""
    widths = np.linalg.norm(boxes[:, 1] - boxes[:, 0], axis=1)
    heights = np.linalg.norm(boxes[:, 3] - boxes[:, 0], axis=1)
    return widths.astype(np.float32), heights.astype(np.float32)


def box_angles(boxes: Boxes) -> NDArray[np.float32]:
    """Slope of each box's top side in radians, positive when it runs downwards."""
    across = boxes[:, 1] - boxes[:, 0]
    return np.asarray(np.arctan2(across[:, 1], across[:, 0]), dtype=np.float32)
