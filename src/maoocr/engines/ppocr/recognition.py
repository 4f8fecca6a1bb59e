"""What a line says: crops of one height through a CTC recognizer."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import Box
from .runtime import Images, Network

__all__ = ["Glyph", "Reading", "Recognizer", "crop_line", "decode_ctc"]

HEIGHT_PX = 48
BUCKET_PX = 32
MAX_WIDTH_PX = 2048
SQUEEZE = 1.0

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
        left, top = max(0, int(round(float(x0)))), max(0, int(round(float(y0))))
        right = max(left + 1, int(round(float(box[2, 0]))))
        bottom = max(top + 1, int(round(float(box[2, 1]))))
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
    """Reads boxes of a page."""

    def __init__(self, network: Network, charset: Sequence[str], batch_images: int) -> None:
        self._network = network
        self._charset = charset
        self._batch_images = batch_images

    def read(
        self,
        lines: Sequence[tuple[Images, Box]],
        *,
        threads: int,
        checkpoint: Checkpoint,
    ) -> list[Reading]:
        """What each line says; a line is a page and a box on it, whose top side is the text's top."""
        widths = [_crop_width(box) for _, box in lines]
        order = sorted(range(len(lines)), key=lambda i: -widths[i])
        groups = list(self._groups(order, widths))

        def batches() -> Iterator[Images]:
            for bucket, members in groups:
                batch = np.full((len(members), HEIGHT_PX, bucket, 3), 128, dtype=np.uint8)
                for row, i in enumerate(members):
                    batch[row, :, : widths[i]] = crop_line(*lines[i], widths[i])
                yield batch

        outputs = self._network.infer(batches(), threads=threads, checkpoint=checkpoint)
        readings: list[Reading] = [Reading("", 0.0, ())] * len(lines)
        for (bucket, members), (classes, probabilities) in zip(groups, outputs, strict=True):
            for row, i in enumerate(members):
                readings[i] = decode_ctc(
                    classes[row], probabilities[row], self._charset, widths[i] / bucket
                )
        return readings

    def _groups(
        self, order: Sequence[int], widths: Sequence[int]
    ) -> Iterator[tuple[int, list[int]]]:
        for start in range(0, len(order), self._batch_images):
            members = list(order[start : start + self._batch_images])
            yield -(-max(widths[i] for i in members) // BUCKET_PX) * BUCKET_PX, members


def _crop_width(box: Box) -> int:
    length = float(max(np.linalg.norm(box[1] - box[0]), np.linalg.norm(box[2] - box[3])))
    across = float(max(np.linalg.norm(box[3] - box[0]), np.linalg.norm(box[2] - box[1])))
    width = HEIGHT_PX * length / max(across, 1.0) * SQUEEZE
    return max(8, min(MAX_WIDTH_PX, int(np.ceil(width))))
