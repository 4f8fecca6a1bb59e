"""From what PaddleOCR found to lines on the upright page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...domain import OcrOptions, Polygon, PolygonSource, TextLine, Word
from ..ppocr.ctc import stands_alone

__all__ = ["Frame", "around", "frame_of", "lines_of", "polygon_of"]

MIN_SCORE = 0.5
"""As in PP-OCR's own default of old: below it stand textures and marks."""

Points = NDArray[np.float64]


class Frame:
    """The upright page, and whether what was found can be put onto it.

    Attributes:
        width: in pixels.
        height: in pixels.
        rotation_deg: clockwise turn that made the picture upright.
        is_flat: the page was unwarped, and no point of the flat picture is known on the page.
    """

    def __init__(self, width: int, height: int, rotation_deg: int, *, is_flat: bool) -> None:
        self.width, self.height = width, height
        self.rotation_deg = rotation_deg
        self.is_flat = is_flat

    @property
    def whole(self) -> Polygon:
        """The page itself."""
        w, h = float(self.width), float(self.height)
        return ((0.0, 0.0), (w, 0.0), (w, h), (0.0, h))

    @property
    def source(self) -> PolygonSource:
        """Where its polygons come from."""
        return "page" if self.is_flat else "detected"


def frame_of(found: Mapping[str, Any], shape: Sequence[int]) -> Frame:
    """The frame of a result for a picture of that shape (H, W, …)."""
    height, width = shape[:2]
    before = found.get("doc_preprocessor_res") or {}
    # Its angle is the turn to the left that makes the picture upright; -1 where nobody looked.
    left = int(before.get("angle", 0)) if hasattr(before, "get") else 0
    rotation = (360 - left) % 360 if left > 0 else 0
    if rotation in {90, 270}:
        height, width = width, height
    settings = before.get("model_settings") or {} if hasattr(before, "get") else {}
    return Frame(width, height, rotation, is_flat=bool(settings.get("use_doc_unwarping")))


def polygon_of(points: Any, frame: Frame) -> Polygon:
    """Four corners, kept on the page; the page itself where it was unwarped."""
    if frame.is_flat:
        return frame.whole
    corners = around(np.asarray(points, dtype=np.float64).reshape(-1, 2))
    xs = np.clip(corners[:, 0], 0, frame.width)
    ys = np.clip(corners[:, 1], 0, frame.height)
    a, b, c, d = ((float(x), float(y)) for x, y in zip(xs, ys, strict=True))
    return a, b, c, d


def lines_of(
    found: Mapping[str, Any], frame: Frame, options: OcrOptions, engine: str
) -> tuple[list[TextLine], list[Points]]:
    """The lines in PaddleOCR's order, without those that are empty or too doubtful.

    Returns:
        The lines, and the corners of each in the picture that PaddleOCR looked at, shape (n, 2).
    """
    turned = found.get("textline_orientation_angles") or []
    texts = list(found["rec_texts"])
    words = list(found.get("text_word") or []) if options.words else []
    regions = list(found.get("text_word_region") or [])
    lines, places = [], []
    for at, (text, score, points) in enumerate(
        zip(texts, found["rec_scores"], found["rec_polys"], strict=True)
    ):
        if not str(text).strip() or float(score) < MIN_SCORE:
            continue
        corners = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        if at < len(turned) and turned[at] == 1 and len(corners) == 4:
            corners = np.roll(corners, 2, axis=0)
        parts = None
        if options.words:
            known = at < len(words) and at < len(regions)
            parts = words_of(words[at], regions[at], float(score), frame) if known else ()
        line = TextLine(
            text=str(text),
            score=min(1.0, float(score)),
            polygon=polygon_of(corners, frame),
            engine=engine,
            words=parts,
            polygon_source=frame.source,
        )
        lines.append(line)
        places.append(corners)
    return lines, places


def words_of(
    texts: Sequence[str], regions: Iterable[Any], score: float, frame: Frame
) -> tuple[Word, ...]:
    """The words of a line, each with the line's score: PaddleOCR gives them none of their own.

    Args:
        texts: what PaddleOCR takes for words: blanks and marks between them are parts as well, so
            that `12.50` comes in three. What no blank parts is put together again; a character
            of a script without blanks stands alone.
        regions: the corners of each.
        score: of the line.
        frame: of the page.
    """
    words: list[Word] = []
    text = ""
    places: list[Points] = []
    for part, region in [*zip(texts, regions, strict=False), (" ", None)]:
        alone = len(part.strip()) == 1 and stands_alone(part.strip())
        if text and (alone or not part.strip() or part[0].isspace()):
            words.append(Word(text, min(1.0, score), polygon_of(np.concatenate(places), frame)))
            text, places = "", []
        if part.strip():
            text += part.strip()
            places.append(np.asarray(region, dtype=np.float64).reshape(-1, 2))
            if alone or part[-1].isspace():
                words.append(Word(text, min(1.0, score), polygon_of(np.concatenate(places), frame)))
                text, places = "", []
    return tuple(words)


def around(points: Points) -> Points:
    """Four points as they are; of others the corners of the upright rectangle around them."""
    if len(points) == 4:
        return points
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
