"""RapidOCR as it comes out of its box, beside which we are measured."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .children import Handler

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["RapidReading", "rapid_reader"]

PDF_DPI = 200
PDF_MAX_SIDE_PX = 4000


@dataclass(frozen=True, slots=True)
class RapidReading:
    """What it read in a file, and the processor time and time that it took, decoding included."""

    text: str
    cpu_s: float
    wall_s: float
    pages: int


def rapid_reader(threads: int) -> Handler:
    """RapidOCR with its default models and parameters, in this process.

    Args:
        threads: 1 for one of several processes side by side; 0 leaves its default, all cores.

    Returns:
        Reads the file at a path.
    """
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    import cv2
    import numpy as np
    from rapidocr import RapidOCR

    params: dict[str, Any] = {"Global.log_level": "error"}
    if threads:
        cv2.setNumThreads(threads)
        params["EngineConfig.onnxruntime.intra_op_num_threads"] = threads
        params["EngineConfig.onnxruntime.inter_op_num_threads"] = threads
    engine = RapidOCR(params=params)

    def read(path: Path) -> RapidReading:
        cpu, wall = time.process_time(), time.perf_counter()
        lines: list[str] = []
        pages = 0
        for page in _pages(path):
            pages += 1
            answer = engine(np.ascontiguousarray(np.asarray(page)[:, :, ::-1]))
            lines += answer.txts or ()
        text = "\n".join(lines)
        return RapidReading(text, time.process_time() - cpu, time.perf_counter() - wall, pages)

    return read


def _pages(path: Path) -> "Iterator[Image]":
    if path.suffix.lower() == ".pdf":
        import pypdfium2

        for page in pypdfium2.PdfDocument(path):
            scale = min(PDF_DPI / 72, PDF_MAX_SIDE_PX / max(page.get_size()))
            yield page.render(scale=scale).to_pil().convert("RGB")
        return
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = 200_000_000
    picture = Image.open(path)
    frames = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
    for frame in range(frames):
        picture.seek(frame)
        yield _upright_rgb(picture)


def _upright_rgb(picture: "Image") -> "Image":
    import numpy as np
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.float64)
        values *= 255 / (65535 if values.max() > 255 else 255)
        picture = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture)
        picture = paper
    return picture.convert("RGB")
