"""What a runtime is: it loads networks onto a device and runs them.

A network takes uint8 RGB images of one size, shape (n, h, w, 3), and gives its outputs as arrays.
"""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..base import Checkpoint, Threads

__all__ = ["Images", "Network", "Outputs", "Runtime"]

Images = NDArray[np.uint8]
Outputs = tuple[NDArray[Any], ...]


class Network(Protocol):
    """One loaded model."""

    def infer(
        self, batches: Iterable[Images], *, threads: Threads, checkpoint: Checkpoint
    ) -> list[Outputs]:
        """The outputs of each batch, in order; batches are taken from the iterator as needed.

        Args:
            batches: of any sizes.
            threads: that may be busy now; asked before each batch.
            checkpoint: called after each batch.

        Raises:
            EngineFault: the runtime failed.
            MaoOCRError: whatever `checkpoint` raised, once what was running has ended.
        """


class Runtime(Protocol):
    """Loads models onto one device.

    Attributes:
        batch_images: how many images of one size make a good batch.
        details: precision, device and version, for operators and for the digest.
    """

    batch_images: int
    details: dict[str, str]

    def load(self, model: bytes, *, best_class: bool = False) -> Network:
        """Load an ONNX model.

        Args:
            model: the file's bytes.
            best_class: give the likeliest class of the output's last axis and its probability, both
                found on the device, in place of the probabilities of all classes.
        """
