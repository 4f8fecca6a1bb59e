"""What a line says: crops of one height through a CTC recognizer."""

import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import Box
from .runtime import Images, Network

__all__ = [
    "NOTHING",
    "STEP_PX",
    "Crop",
    "Glyph",
    "Reading",
    "Recognizer",
    "crop_line",
    "decode_ctc",
]

HEIGHT_PX = 48
BUCKET_PX = 32
STEP_PX = 8
"""Pixels of a crop for each step of the CTC output."""
MAX_WIDTH_PX = 2048
MIN_WIDTH_PX = 8

Checkpoint = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character as the network emitted it; `centre` is a fraction of the line's length."""

    text: str
    score: float
    centre: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one crop says: NFC text, the mean score of its glyphs, and the glyphs."""

    text: str
    score: float
    glyphs: tuple[Glyph, ...]


NOTHING = Reading("", 0.0, ())


@dataclass(frozen=True, slots=True)
class Crop:
    """A line to read: its page, its box (first side: the text's top), how far to squeeze it."""

    page: Images
    box: Box
    squeeze: float = 1.0

    @property
    def aspect(self) -> float:
        """Length of the line in heights."""
        a, b, c, d = self.box
        length = max(math.dist(a, b), math.dist(c, d))
        return length / max(math.dist(a, d), math.dist(b, c), 1.0)

    @property
    def width(self) -> int:
        """Pixels of the crop at the recognizer's height."""
        width = math.ceil(HEIGHT_PX * self.aspect * self.squeeze)
        return max(MIN_WIDTH_PX, min(MAX_WIDTH_PX, width))

    def pixels(self) -> Images:
        return crop_line(self.page, self.box, self.width)


def decode_ctc(
    classes: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    charset: Sequence[str],
    filled: float = 1.0,
) -> Reading:
    """Read the best class of each step: repeats count once, class 0 is nothing.

    Args:
        classes: shape (steps,).
        probabilities: shape (steps,).
        charset: what each class stands for.
        filled: share of the steps that the line's pixels fill; the rest is padding.
    """
    kept = classes != 0
    kept[1:] &= classes[1:] != classes[:-1]
    at = np.flatnonzero(kept)
    if not len(at):
        return Reading("", 0.0, ())
    steps = len(classes) * filled
    glyphs = tuple(
        Glyph(charset[classes[i]], float(probabilities[i]), min(1.0, (i + 0.5) / steps))
        for i in at.tolist()
    )
    text = unicodedata.normalize("NFC", "".join(glyph.text for glyph in glyphs))
    return Reading(text, float(probabilities[at].mean()), glyphs)


def crop_line(page: Images, box: Box, width: int, height: int = HEIGHT_PX) -> Images:
    """The pixels of a box, straightened, at this size."""
    x0, y0 = box[0]
    upright = abs(box[1, 1] - y0) < 1 and abs(box[3, 0] - x0) < 1 and box[1, 0] > x0
    if upright:
        left, top = max(0, round(float(x0))), max(0, round(float(y0)))
        right = max(left + 1, round(float(box[2, 0])))
        bottom = max(top + 1, round(float(box[2, 1])))
        part = page[top:bottom, left:right]
        if part.size:
            return _resize(part, width, height)
    length = float(np.linalg.norm(box[1] - box[0]))
    across = float(np.linalg.norm(box[3] - box[0]))
    shrink = max(length / width, across / height)
    grow = int(np.ceil(shrink)) if shrink > 2 else 1
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) * grow
    matrix = cv2.getPerspectiveTransform(box.astype(np.float32), target)
    part = cv2.warpPerspective(
        page,
        matrix,
        (width * grow, height * grow),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return part if grow == 1 else _resize(part, width, height)


def _resize(part: Images, width: int, height: int) -> Images:
    shrinks = part.shape[0] > height and part.shape[1] > width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (width, height), interpolation=how), dtype=np.uint8)


class Recognizer:
    """Reads boxes of pages."""

    def __init__(self, network: Network, charset: Sequence[str], batch_images: int) -> None:
        self._network = network
        self._charset = charset
        self._batch_images = batch_images

    def read(self, crops: Sequence[Crop], *, threads: int, checkpoint: Checkpoint) -> list[Reading]:
        """What each crop says, in the same order."""
        widths = [crop.width for crop in crops]
        sources = [crop.pixels for crop in crops]
        return self._read(widths, sources, threads, checkpoint)

    def read_images(
        self, images: Sequence[Images], *, threads: int, checkpoint: Checkpoint
    ) -> list[Reading]:
        """What each image of the recognizer's height says, in the same order."""
        widths = [image.shape[1] for image in images]
        sources = [lambda image=image: image for image in images]
        return self._read(widths, sources, threads, checkpoint)

    def _read(
        self,
        widths: Sequence[int],
        sources: Sequence[Callable[[], Images]],
        threads: int,
        checkpoint: Checkpoint,
    ) -> list[Reading]:
        order = sorted(range(len(widths)), key=lambda i: -widths[i])
        size = self._batch_images
        groups = [order[start : start + size] for start in range(0, len(order), size)]
        buckets = [-(-widths[group[0]] // BUCKET_PX) * BUCKET_PX for group in groups]

        def batches() -> Iterator[Images]:
            for bucket, group in zip(buckets, groups, strict=True):
                batch = np.full((len(group), HEIGHT_PX, bucket, 3), 128, dtype=np.uint8)
                for row, i in enumerate(group):
                    batch[row, :, : widths[i]] = sources[i]()
                yield batch

        outputs = self._network.infer(batches(), threads=threads, checkpoint=checkpoint)
        readings = [NOTHING] * len(widths)
        for bucket, group, (classes, best) in zip(buckets, groups, outputs, strict=True):
            for row, i in enumerate(group):
                filled = widths[i] / bucket
                readings[i] = decode_ctc(classes[row], best[row], self._charset, filled)
        return readings
