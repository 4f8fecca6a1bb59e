"""The words that values are made of: points, kinds, and what may be wrong."""

from typing import Literal

__all__ = [
    "AccuracyRequirement",
    "BlockKind",
    "DocumentType",
    "LineFlag",
    "PageFlag",
    "PdfText",
    "Point",
    "Polygon",
    "PolygonSource",
    "Privacy",
    "RegionTask",
    "SpeedRequirement",
    "TextSource",
]

Point = tuple[float, float]
Polygon = tuple[Point, Point, Point, Point]

PdfText = Literal["auto", "ocr", "layer"]
TextSource = Literal["ocr", "text_layer"]
DocumentType = Literal[
    "auto", "simple_text", "complex_layout", "table", "formula", "handwriting", "receipt"
]
AccuracyRequirement = Literal["low", "medium", "high"]
SpeedRequirement = Literal["low", "medium", "high"]
Privacy = Literal["local", "any"]
PolygonSource = Literal["detected", "model", "matched", "page"]
BlockKind = Literal[
    "text",
    "title",
    "heading",
    "list",
    "table",
    "formula",
    "figure",
    "chart",
    "caption",
    "code",
    "seal",
    "header",
    "footer",
    "footnote",
    "page_number",
]
LineFlag = Literal["unsupported", "reread", "doubtful"]
PageFlag = Literal[
    "truncated",
    "repetition",
    "fallback",
    "malformed",
    "unsupported",
    "incomplete",
    "not_reread",
]
RegionTask = Literal["text", "table", "formula"]
