"""Reading lines: crops of one height through a CTC recognizer."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..base import Checkpoint, Threads
from . import long_lines
from .crops import HEIGHT_PX, Crop
from .ctc import NOTHING, Reading, decode_ctc
from .runtime import Images, Network

__all__ = ["Recognizer"]

GREY = 128
"""What the recognizer was trained to see beside a line that is shorter than its batch."""


class Recognizer:
    """Reads boxes of pages."""

    def __init__(self, network: Network, charset: Sequence[str], batch_images: int) -> None:
        self._network = network
        self._charset = charset
        self._batch_images = batch_images

    def read(
        self, crops: Sequence[Crop], *, threads: Threads, checkpoint: Checkpoint
    ) -> list[Reading]:
        """What each crop says, in the same order."""
        parts = [long_lines.cut(crop) for crop in crops]
        flat = [part for line in parts for part, _ in line]
        widths = [part.width for part in flat]
        readings = iter(self._read(widths, lambda i: flat[i].pixels(), threads, checkpoint))
        return [
            long_lines.join([next(readings) for _ in line], [span for _, span in line])
            for line in parts
        ]

    def read_images(
        self, images: Sequence[Images], *, threads: Threads, checkpoint: Checkpoint
    ) -> list[Reading]:
        """What each image of the recognizer's height says, in the same order."""
        widths = [image.shape[1] for image in images]
        return self._read(widths, lambda i: images[i], threads, checkpoint)

    def _read(
        self,
        widths: Sequence[int],
        pixels: Callable[[int], Images],
        threads: Threads,
        checkpoint: Checkpoint,
    ) -> list[Reading]:
        order = sorted(range(len(widths)), key=lambda i: -widths[i])
        size = self._batch_images
        groups = [order[start : start + size] for start in range(0, len(order), size)]

        def batches() -> Iterator[Images]:
            for group in groups:
                shape = (len(group), HEIGHT_PX, widths[group[0]], 3)
                batch = np.full(shape, GREY, dtype=np.uint8)
                for row, i in enumerate(group):
                    batch[row, :, : widths[i]] = pixels(i)
                yield batch

        outputs = self._network.infer(batches(), threads=threads, checkpoint=checkpoint)
        readings = [NOTHING] * len(widths)
        for group, (classes, best) in zip(groups, outputs, strict=True):
            for row, i in enumerate(group):
                filled = widths[i] / widths[group[0]]
                readings[i] = decode_ctc(classes[row], best[row], self._charset, filled)
        return readings
