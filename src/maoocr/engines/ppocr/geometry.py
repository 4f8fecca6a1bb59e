"""Boxes and pictures in the plane: their corners in order, and both turned."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ..layout.boxes import Box, Boxes, box_angles, box_sizes

__all__ = ["Box", "Boxes", "box_angles", "box_sizes", "order_corners", "turn_boxes", "turn_image"]


def order_corners(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put the corners of rectangles (n, 4, 2) clockwise, the one nearest the page's top left first.

    The two leftmost corners are the left side, whatever the slope; so a line that is turned by less
    than 45 degrees keeps its own top left first.
    """
    if not len(corners):
        return corners.reshape(0, 4, 2).astype(np.float32)
    by_x = np.take_along_axis(corners, np.argsort(corners[:, :, :1], axis=1, kind="stable"), axis=1)
    left, right = by_x[:, :2], by_x[:, 2:]
    left = np.take_along_axis(left, np.argsort(left[:, :, 1:], axis=1, kind="stable"), axis=1)
    right = np.take_along_axis(right, np.argsort(right[:, :, 1:], axis=1, kind="stable"), axis=1)
    ordered = np.stack([left[:, 0], right[:, 0], right[:, 1], left[:, 1]], axis=1)
    return np.asarray(ordered, dtype=np.float32)


_TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


def turn_image(image: NDArray[np.uint8], degrees: int) -> NDArray[np.uint8]:
    """Turn an image clockwise by 0, 90, 180 or 270 degrees."""
    if degrees == 0:
        return image
    return np.asarray(cv2.rotate(image, _TURNS[degrees]), dtype=np.uint8)


def turn_boxes(boxes: Boxes, degrees: int, width: int, height: int) -> Boxes:
    """Where the boxes of a `width` x `height` image lie once it is turned clockwise.

    The first corner stays the same physical corner, so what was each box's top left need not be
    the top left afterwards.
    """
    x, y = boxes[..., 0], boxes[..., 1]
    if degrees == 90:
        return np.stack([height - y, x], axis=-1).astype(np.float32)
    if degrees == 180:
        return np.stack([width - x, height - y], axis=-1).astype(np.float32)
    if degrees == 270:
        return np.stack([y, width - x], axis=-1).astype(np.float32)
    return boxes
