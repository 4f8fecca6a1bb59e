"""What a detected line really says, told from the labelled boxes of an image."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz.fuzz import partial_ratio_alignment

from .scoring import canonical

__all__ = ["LabelledLines", "labelled_lines"]

INSIDE = 0.6
"""Share of what was read that has to lie in a labelled line, to be a part of it."""

Box = tuple[float, float, float, float]
Points = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class LabelledLines:
    """One image, with what is written where.

    Attributes:
        lines: text and box (left, top, right, bottom) in pixels of the image as it lies.
    """

    path: Path
    file: str
    kind: str
    case: bool
    lines: tuple[tuple[str, Box], ...]

    def truth(self, polygon: Points, read: str) -> str:
        """What stands in a polygon; what was read there, where the label does not tell."""
        box = _box(polygon)
        inside = [(text, it) for text, it in self.lines if _holds(polygon, it)]
        if inside:
            inside.sort(key=lambda one: one[1][0])
            return self._as_read(" ".join(text for text, _ in inside), read)
        around = [text for text, it in self.lines if _share(box, it) >= INSIDE]
        if not around or not read:
            return read
        found = partial_ratio_alignment(read, around[0])
        return self._as_read(around[0][found.dest_start : found.dest_end] if found else read, read)

    def _as_read(self, truth: str, read: str) -> str:
        """Where labels do not tell case, it is no error to read it."""
        same = canonical(truth, case=self.case) == canonical(read, case=self.case)
        return read if same else truth


def labelled_lines(folder: Path, kinds: Sequence[str]) -> list[LabelledLines]:
    """The single images of these kinds whose labels tell where each line is."""
    found = []
    for line in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines():
        label = json.loads(line)
        if label.get("kind") not in kinds or not label.get("lines"):
            continue
        lines = tuple((it["text"], _box(it["box"])) for it in label["lines"])
        case = not label.get("case_insensitive")
        path = folder / label["file"]
        found.append(LabelledLines(path, label["file"], label["kind"], case, lines))
    return found


def _box(points: Points) -> Box:
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return min(xs), min(ys), max(xs), max(ys)


def _holds(polygon: Points, box: Box) -> bool:
    """The middle of the box lies in the polygon, whose sides run clockwise; it may be askew."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    ends = zip(polygon, [*polygon[1:], polygon[0]], strict=True)
    return all((bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0 for (ax, ay), (bx, by) in ends)


def _share(part: Box, whole: Box) -> float:
    width = min(part[2], whole[2]) - max(part[0], whole[0])
    height = min(part[3], whole[3]) - max(part[1], whole[1])
    area = (part[2] - part[0]) * (part[3] - part[1])
    return max(0.0, width) * max(0.0, height) / area if area > 0 else 0.0
