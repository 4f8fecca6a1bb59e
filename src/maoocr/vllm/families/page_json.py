"""Blocks from lists of objects in JSON: what labels mean, and in which frame boxes are."""

from ...domain import Polygon
from .base import ParsedBlock
from .grounding import KINDS, add_region
from .layout_json import Entry, read_entries
from .reading import Reading, box_of, polygon_of

__all__ = ["read_layout_json"]


def read_layout_json(text: str, width: float, height: float) -> Reading:
    """The blocks of an answer in JSON.

    Args:
        text: the answer.
        width: of the frame that boxes refer to: the picture's, or 1000 or so.
        height: of that frame.
    """
    reading = Reading()
    entries, flags = read_entries(text)
    reading.flag(*flags)
    for entry in entries:
        box = _box(reading, entry, width, height)
        label = entry.label.lower().replace("-", "_").replace(" ", "_")
        kind = KINDS.get(label)
        if kind is None:
            kind = "text"
            if label:
                reading.flag("malformed")
        if label:
            add_region(reading, kind, entry.text, box)
        else:
            reading.add(ParsedBlock("text", entry.text.strip(), box=box))
    return reading


def _box(reading: Reading, entry: Entry, width: float, height: float) -> Polygon | None:
    if not entry.box:
        reading.flag("malformed")
        return None
    of = polygon_of if len(entry.box) == 8 else box_of
    box, is_sound = of(entry.box, width, height)
    if not is_sound:
        reading.flag("malformed")
    return box
