"""From pixels to read lines: detect, sample, turn the page upright, read, read again if in doubt.

All pages of a call go through each step together, so that a device that wants batches gets them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..base import Checkpoint, Threads
from . import orientation, stretch
from .crops import Crop
from .ctc import NOTHING, Reading
from .detection import Detector
from .geometry import Boxes, turn_image
from .looking import find_text
from .recognition import Recognizer
from .runtime import Images

__all__ = ["FoundPage", "Line", "PageReader"]

SECOND_LOOK_SCORE = 0.75
MIN_GAIN = 0.1


@dataclass(slots=True)
class Line:
    """A line and what was read there so far."""

    crop: Crop
    reading: Reading | None = None


@dataclass(slots=True)
class FoundPage:
    """A page, turned upright, and its lines in no order.

    Attributes:
        vertical: its text is set in columns that run down the page.
    """

    image: Images
    rotation_deg: int = 0
    vertical: bool = False
    lines: list[Line] = field(default_factory=list)


class PageReader:
    """One call's way through the networks."""

    def __init__(
        self,
        detector: Detector,
        recognizer: Recognizer,
        threads: Threads,
        checkpoint: Checkpoint,
    ) -> None:
        self._detector = detector
        self._recognizer = recognizer
        self._threads = threads
        self._checkpoint = checkpoint

    def read(self, images: Sequence[Images], *, rotation: bool) -> list[FoundPage]:
        """Read pages; with `rotation`, those that lie on their side or head are turned first."""
        pages = [FoundPage(image) for image in images]
        for page in pages:
            self._detect(page)
        samples = [self._sample(page) for page in pages]
        self._read_lines([line for sample in samples for line in sample])
        if rotation:
            for i, page in enumerate(pages):
                if self._turn_upright(page, samples[i]):
                    samples[i] = self._sample(page)
                    self._read_lines(samples[i])
        for page, sample in zip(pages, samples, strict=True):
            squeeze = stretch.page_squeeze(
                [(line.crop, line.reading or NOTHING) for line in sample]
            )
            for line in page.lines:
                if line.reading is None:
                    line.crop = stretch.squeezed(line.crop, squeeze)
        lines = [line for page in pages for line in page.lines]
        self._read_lines([line for line in lines if line.reading is None])
        self._look_again(lines)
        return pages

    def _detect(self, page: FoundPage) -> None:
        boxes = find_text(page.image, self._detector, self._threads, self._checkpoint)
        tall = orientation.is_tall(boxes)
        boxes[tall] = orientation.turned_down(boxes[tall])
        page.vertical = orientation.is_sideways(boxes)
        page.lines = [Line(Crop(page.image, box)) for box in boxes]

    def _sample(self, page: FoundPage) -> list[Line]:
        """A few lines of the kind that most of the page is."""
        boxes = _boxes(page.lines)
        tall = orientation.runs_down(boxes)
        usual = [line for line, down in zip(page.lines, tall, strict=True) if down == page.vertical]
        return [usual[i] for i in orientation.sample_lines(_boxes(usual))]

    def _turn_upright(self, page: FoundPage, sample: Sequence[Line]) -> bool:
        """Turn the page and detect anew if its sample says that it does not lie upright."""
        if not sample:
            return False
        score = _mean_score([line.reading or NOTHING for line in sample])
        if not page.vertical and score >= orientation.SURE_SCORE:
            return False
        over = self._recognize([_turned_over(line.crop) for line in sample])
        other = _mean_score(over)
        if page.vertical:
            if max(score, other) < orientation.SURE_SCORE:
                return False
            if score >= other and self._is_vertical_script(sample):
                return False
            return self._turn(page, 270 if score >= other else 90)
        if other < max(score + MIN_GAIN, SECOND_LOOK_SCORE):
            return False
        return self._turn(page, 180)

    def _turn(self, page: FoundPage, degrees: int) -> bool:
        page.rotation_deg = degrees
        page.image = turn_image(page.image, degrees)
        self._detect(page)
        return True

    def _is_vertical_script(self, sample: Sequence[Line]) -> bool:
        """Whether the characters of lines that run down stand upright, as in vertical Chinese."""
        columns = [
            (line.crop, line.reading)
            for line in sample
            if line.reading and stretch.is_ideographic(line.reading.text)
        ]
        if 2 * len(columns) < len(sample):
            return False
        rows = self._recognizer.read_images(
            [orientation.laid_out(crop, reading) for crop, reading in columns],
            threads=self._threads,
            checkpoint=self._checkpoint,
        )
        same = sum(
            orientation.agreement(reading.text, row.text)
            for (_, reading), row in zip(columns, rows, strict=True)
        )
        return same >= 0.4 * len(columns)

    def _look_again(self, lines: Sequence[Line]) -> None:
        """Give lines that were read badly a second chance: wider, or turned over."""
        again: list[tuple[Line, Crop]] = []
        for line in lines:
            reading = line.reading or NOTHING
            if stretch.is_starved(line.crop, reading):
                again.append((line, stretch.wider(line.crop)))
            elif reading.score < SECOND_LOOK_SCORE:
                again.append((line, _turned_over(line.crop)))
        for (line, crop), reading in zip(
            again, self._recognize([crop for _, crop in again]), strict=True
        ):
            gain = -MIN_GAIN if crop.box is line.crop.box else MIN_GAIN
            if reading.score > (line.reading or NOTHING).score + gain:
                line.crop, line.reading = crop, reading

    def _read_lines(self, lines: Sequence[Line]) -> None:
        for line, reading in zip(
            lines, self._recognize([line.crop for line in lines]), strict=True
        ):
            line.reading = reading

    def _recognize(self, crops: Sequence[Crop]) -> list[Reading]:
        return self._recognizer.read(crops, threads=self._threads, checkpoint=self._checkpoint)


def _boxes(lines: Sequence[Line]) -> Boxes:
    return np.array([line.crop.box for line in lines], dtype=np.float32).reshape(-1, 4, 2)


def _turned_over(crop: Crop) -> Crop:
    return Crop(crop.page, np.roll(crop.box, 2, axis=0), crop.squeeze)


def _mean_score(readings: Sequence[Reading]) -> float:
    glyphs = sum(len(reading.glyphs) for reading in readings)
    if not glyphs:
        return 0.0
    return sum(reading.score * len(reading.glyphs) for reading in readings) / glyphs
