"""What a model is shown of a page: the whole or parts of it, upright, at the size that it wants."""

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ...domain import Focus, Polygon, Region
from ...vllm.chat import ImagePart
from ...vllm.families.base import Family, Scaling, Sent, Task
from ..base import PageImage

__all__ = ["Picture", "corners", "pictures_of", "smaller", "upright_size"]

JPEG_QUALITY = 92
MARGIN = 0.12
"""Of a region's shorter side, left around it: detectors cut close, and models read better with."""
MOST_MARGIN_PX = 16.0


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture to ask about.

    Attributes:
        place: that it shows, in pixels of the upright image; clockwise from its own top left.
        native: its size in pixels before it was scaled for the model.
    """

    part: ImagePart
    sent: Sent
    place: Polygon
    native: tuple[int, int]
    task: Task


def upright_size(image: PageImage, rotation_deg: int) -> tuple[int, int]:
    """Width and height of the image once it is turned, in pixels."""
    height, width = image.shape[:2]
    return (height, width) if rotation_deg in {90, 270} else (width, height)


def pictures_of(
    image: PageImage,
    focus: Focus | None,
    scale: float,
    family: Family,
    whole: Task = "page",
) -> tuple[Picture, ...]:
    """The pictures to send, in the order of the regions; one of the whole page without regions.

    Args:
        image: of the page as decoded, RGB, shape (H, W, 3).
        focus: None for the whole page as it lies.
        scale: pixels of `image` per pixel of the page, in which `focus` speaks.
        family: says how large a picture is to be.
        whole: what is asked of the whole page, where no regions are.
    """
    turn = focus.rotation_deg if focus else 0
    upright = np.rot90(image, -turn // 90) if turn else image
    page = Image.fromarray(np.ascontiguousarray(upright))
    if focus is None or not focus.regions:
        return (_picture(page, corners(page.size), whole, family),)
    return tuple(_cut(page, region, scale, family) for region in focus.regions)


def smaller(picture: Picture, family: Family, share: float) -> Picture:
    """The same at a smaller size, for another try; a model that loops may not do it again."""
    size = _scaling(family, picture.task).size_of(*picture.native, shrink=share)
    with Image.open(io.BytesIO(picture.part.data)) as image:
        return Picture(
            _encoded(image, size), Sent(*size), picture.place, picture.native, picture.task
        )


def _cut(page: Image.Image, region: Region, scale: float, family: Family) -> Picture:
    a, b, c, d = ((x * scale, y * scale) for x, y in region.polygon)
    place = _widened((a, b, c, d))
    width = max(math.dist(place[0], place[1]), math.dist(place[3], place[2]))
    height = max(math.dist(place[0], place[3]), math.dist(place[1], place[2]))
    size = (max(1, round(width)), max(1, round(height)))
    # Corners in Pillow's order: top left, bottom left, bottom right, top right.
    corners = [place[i] for i in (0, 3, 2, 1)]
    data = tuple(float(value) for corner in corners for value in corner)
    part = page.transform(
        size, Image.Transform.QUAD, data, Image.Resampling.BICUBIC, fillcolor="white"
    )
    task: Task = region.task if region.task in family.tasks else "text"
    if task not in family.tasks:
        task = "page"
    return _picture(part, (a, b, c, d), task, family)


def _widened(polygon: Polygon) -> Polygon:
    a, b, c, d = polygon
    short = min(math.dist(a, b), math.dist(a, d))
    margin = min(MOST_MARGIN_PX, MARGIN * short)
    right, down = _unit(a, b), _unit(a, d)

    def moved(point: tuple[float, float], across: float, along: float) -> tuple[float, float]:
        return (
            point[0] + margin * (across * right[0] + along * down[0]),
            point[1] + margin * (across * right[1] + along * down[1]),
        )

    return moved(a, -1, -1), moved(b, 1, -1), moved(c, 1, 1), moved(d, -1, 1)


def _unit(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    length = math.dist(a, b) or 1.0
    return (b[0] - a[0]) / length, (b[1] - a[1]) / length


def corners(size: tuple[float, float]) -> Polygon:
    """The whole of a picture, clockwise from the top left."""
    width, height = size
    return (0.0, 0.0), (float(width), 0.0), (float(width), float(height)), (0.0, float(height))


def _picture(image: Image.Image, place: Polygon, task: Task, family: Family) -> Picture:
    size = _scaling(family, task).size_of(*image.size)
    return Picture(_encoded(image, size), Sent(*size), place, image.size, task)


def _scaling(family: Family, task: Task) -> Scaling:
    return family.tasks[task].scaling or family.scaling


def _encoded(image: Image.Image, size: tuple[int, int]) -> ImagePart:
    scaled = image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    scaled.save(out, "JPEG", quality=JPEG_QUALITY)
    return ImagePart(out.getvalue(), "image/jpeg")
