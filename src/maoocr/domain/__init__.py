"""The values that cross rooms. All are frozen, none knows JSON, HTTP or a database.

One frame of reference everywhere: origin at the top left, x to the right, y down, in pixels of the
**upright page** (after EXIF orientation and after the page was turned so that its text reads from
left to right). Polygons are clockwise from the text's own top left. Scores are in 0..1. Times are
seconds of a monotonic clock. Text is Unicode NFC in logical order.

A page without text is a result, not an error.
"""

from .requests import Focus, OcrOptions, PageSelection, Region, Requirements
from .results import (
    Block,
    OcrResult,
    PageError,
    PageResult,
    Selection,
    Spent,
    TextLine,
    Timings,
    Word,
    mean_score,
)
from .terms import (
    AccuracyRequirement,
    BlockKind,
    DocumentType,
    LineFlag,
    PageFlag,
    PdfText,
    Point,
    Polygon,
    PolygonSource,
    Privacy,
    RegionTask,
    SpeedRequirement,
    TextSource,
)

__all__ = [
    "AccuracyRequirement",
    "Block",
    "BlockKind",
    "DocumentType",
    "Focus",
    "LineFlag",
    "OcrOptions",
    "OcrResult",
    "PageError",
    "PageFlag",
    "PageResult",
    "PageSelection",
    "PdfText",
    "Point",
    "Polygon",
    "PolygonSource",
    "Privacy",
    "Region",
    "RegionTask",
    "Requirements",
    "Selection",
    "SpeedRequirement",
    "Spent",
    "TextLine",
    "TextSource",
    "Timings",
    "Word",
    "mean_score",
]
